# Chatelaine. `make help` lists what there is to make.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

STATE_DIR ?= .chatelaine
PORT ?= 8080
FORMATTED := Package.swift Sources Tests Benchmarks/Sources Fuzz/Package.swift Fuzz/Targets
PYTHON := .build/venv/bin/python

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: packages ## Build and start the portal; Ctrl-C stops it (STATE_DIR=.chatelaine PORT=8080)
	@scripts/build-release
	@exec .build/release/chatelaine up --state-dir $(STATE_DIR) --port $(PORT)

.PHONY: build
build: build-packages ## Compile everything, warnings as errors
	@scripts/write-version
	@swift build $$(scripts/build-flags) --build-tests

.PHONY: test
test: test-packages $(PYTHON) ## Run every test, or those that match (FILTER=VaultServerTests, FILTER=aKeyMoved)
	@scripts/write-version
	@swift build $$(scripts/build-flags) --build-tests
	@scripts/run-tests $(if $(FILTER),"$(FILTER)")

.PHONY: smoke
smoke: ## Sign up, store a key and use it on what is built: seconds, nothing is installed
	@scripts/smoke

.PHONY: check
check: ## Run everything that must hold before a change lands, as the gate does
	@scripts/check

.PHONY: lint
lint: ## Check the format and the rules that the compiler can't
	@swift format lint --strict --parallel --recursive $(FORMATTED)
	@scripts/check-rules --self-test
	@scripts/check-rules

.PHONY: containers
containers: container-packages $(PYTHON) ## Build the images and run docker-compose.yml from them, as root
	@scripts/build-release
	@scripts/check-containers

.PHONY: manifests
manifests: $(PYTHON) ## Check docker-compose.yml, the Containerfile and the Kubernetes manifests
	@$(PYTHON) scripts/check-manifests

.PHONY: screenshots
screenshots: test-packages $(PYTHON) ## Take the pictures of docs/images from what is built
	@$(PYTHON) scripts/screenshots

.PHONY: protos
protos: $(PYTHON) ## Check that Protos/ and the last release understand each other
	@scripts/check-protos

.PHONY: modules
modules: ## Print the modules with their files and lines
	@scripts/modules

.PHONY: format
format: ## Format all Swift files in place
	@swift format --in-place --parallel --recursive $(FORMATTED)

.PHONY: generate
generate: generate-packages ## Generate C and Swift from Protos/, and .env.example from the configurations
	@Protos/generate.sh
	@scripts/generate-env-example

.PHONY: check-generated
check-generated: generate ## Fail when what is generated differs from what is checked in
	@changes=$$(git status --porcelain -- Sources Tests Benchmarks Protos docs/audit-events.md .env.example); \
	  if [ -n "$$changes" ]; then echo "not what 'make generate' makes:"; echo "$$changes"; exit 1; fi

.PHONY: fuzz
fuzz: build-packages ## Feed engines and codecs hostile bytes, SECONDS=60 for each target
	@Fuzz/run-fuzz $(or $(SECONDS),60)

.PHONY: tsan
tsan: build-packages ## Run the tests of the RPC runtime under ThreadSanitizer
	@Fuzz/run-tsan

.PHONY: deb
deb: build-packages ## Make the Debian package (VERSION=1.2.3)
	@scripts/build-release
	@scripts/build-manual
	@scripts/build-deb

.PHONY: bench
bench: bench-packages $(PYTHON) ## Compare the RPC runtime with its peers and load the portal (ONLY=rpc for a part)
	@scripts/build-release everything
	@$(PYTHON) Benchmarks/run $(ONLY)

.PHONY: clean
clean: ## Remove what was built and what tests left; the state of the portal stays
	@rm -rf .build .build-* test-artefacts scripts/__pycache__

# Debian packages: installed when something that they bring is missing.

.PHONY: packages
packages: # What building and running need
	@scripts/install-packages build run

.PHONY: build-packages
build-packages: # What building alone needs
	@scripts/install-packages build

.PHONY: generate-packages
generate-packages: # ... and what generates code from Protos/
	@scripts/install-packages build generate

.PHONY: test-packages
test-packages: # ... and what only the tests need
	@scripts/install-packages build generate run test

.PHONY: bench-packages
bench-packages: # ... and what only the benchmarks need
	@scripts/install-packages build run bench

.PHONY: container-packages
container-packages: # What building and running images needs where there is no Docker engine
	@scripts/install-packages build run containers

$(PYTHON): Tests/requirements.txt
	@python3 -m venv --clear .build/venv
	@.build/venv/bin/pip --quiet --disable-pip-version-check install --requirement Tests/requirements.txt
	@touch $@
