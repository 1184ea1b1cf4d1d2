// swift-tools-version:6.2
import PackageDescription

// The fuzz targets and the tests that run under ThreadSanitizer: parts of the package above, by
// symbolic links, so that they see its `package` declarations and build without the product.
// `make fuzz` and `make tsan` build this; see docs/fuzzing.md.

/// `make tsan` builds the tests without the fuzz targets, and `make fuzz` the reverse.
let isForThreads = Context.environment["CHATELAINE_TSAN"] != nil

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// Tells libFuzzer which edges an input reached; `assert` and `@testable` work although optimised.
let instrumented: [SwiftSetting] = [
  .unsafeFlags(["-sanitize=fuzzer", "-assert-config", "Debug", "-enable-testing"])
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")

func library(
  _ name: String, _ dependencies: [Target.Dependency], path: String? = nil
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: path,
    swiftSettings: strict + (isForThreads ? [] : instrumented))
}

func fuzzTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies + ["Fuzzing"], path: "Targets/\(name)",
    swiftSettings: strict + instrumented + [.unsafeFlags(["-parse-as-library"])],
    linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])])
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let libraries: [Target] = [
  .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2"),
  .systemLibrary(name: "COpenSSL", pkgConfig: "openssl"),
  .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c"),
  .systemLibrary(name: "CZlib", pkgConfig: "zlib"),
  .systemLibrary(name: "CArgon2", pkgConfig: "libargon2"),
  .systemLibrary(name: "CCrypt", pkgConfig: "libxcrypt"),
  .target(name: "CLinux"),
  .target(name: "CMessages", dependencies: ["CProtobufC"]),
  library("Encodings", []),
  library("Addresses", ["Encodings"]),
  .target(
    name: "Metering", resources: [.embedInCode("Prices")],
    swiftSettings: strict + (isForThreads ? [] : instrumented)),
  library("Pacing", []),
  library("Threads", []),
  library("Networking", ["Threads", "TLS", nioCore, logging]),
  library("Protobuf", ["CMessages", "Encodings"]),
  library("HTTP2", ["CNghttp2", "Pacing", nioCore, deque]),
  library("OpenSSL", ["COpenSSL"]),
  library(
    "Cryptography", ["COpenSSL", "CArgon2", "CCrypt", "CLinux", "Encodings", "OpenSSL", "Threads"]),
  library("WebAuthn", ["Cryptography", "Encodings", "Protobuf"]),
  library("TLS", ["COpenSSL", "OpenSSL", nioCore]),
  library("RPC", ["CZlib", "Encodings", "Pacing", "Protobuf", nioCore, logging]),
  .target(name: "CServiceMessages", dependencies: ["CProtobufC", "CMessages"]),
  library("ServiceAPI", ["Protobuf", "RPC", "CServiceMessages", nioCore]),
  library(
    "RPCTransport",
    [
      "Addresses", "Encodings", "HTTP2", "Networking", "Pacing", "RPC", "TLS", nioCore, nioPosix,
      logging, metrics,
    ]),
]

let fuzzTargets: [Target] = [
  .target(
    name: "CTestMessages", dependencies: ["CProtobufC", "CMessages"], path: "Tests/CTestMessages"),
  library("TestMessages", ["CTestMessages", "Protobuf"], path: "Tests/TestMessages"),
  .target(name: "CLibFuzzer", path: "Targets/CLibFuzzer"),
  library("Fuzzing", ["CLibFuzzer", "HTTP2", nioCore], path: "Targets/Fuzzing"),
  fuzzTarget("Frames", ["HTTP2", nioCore]),
  fuzzTarget("Conversations", ["HTTP2", nioCore]),
  fuzzTarget("Envelopes", ["RPC", nioCore]),
  fuzzTarget("MetadataFields", ["Encodings", "Pacing", "RPC"]),
  fuzzTarget("CallHeads", ["CNghttp2", "HTTP2", "RPC", "RPCTransport", nioCore]),
  fuzzTarget("Messages", ["Protobuf", "ServiceAPI", "TestMessages"]),
  fuzzTarget("Transcoding", ["Protobuf", "RPC", "ServiceAPI", "TestMessages"]),
  fuzzTarget("Passkeys", ["Encodings", "WebAuthn"]),
  fuzzTarget("Answers", ["Metering"]),
]

let testsAndTheirTools: [Target] = [
  .systemLibrary(name: "CLibPQ", pkgConfig: "libpq"),
  library("Files", ["Cryptography"]),
  library("Identity", ["Addresses", "Encodings"]),
  library(
    "Postgres",
    [
      "CLibPQ", "CLinux", "Cryptography", "Encodings", "Pacing", "Threads", nioCore, nioPosix,
      logging,
    ]),
  library(
    "LocalDeployment",
    [
      "CLinux", "Cryptography", "Encodings", "Files", "Identity", "OpenSSL", "Pacing", "Postgres",
      "RPC", "RPCServices", "RPCTransport", "TLS", "Threads", nioCore, nioPosix, logging,
    ]),
  // Certificates alone: the runtime's tests need no database.
  .target(
    name: "TestSupport", dependencies: ["LocalDeployment"], sources: ["TestCertificates.swift"],
    swiftSettings: strict),
  library("RPCInProcess", ["RPC", nioCore, logging]),
  library("RPCServices", ["Protobuf", "RPC", "CMessages", nioCore]),
  .target(name: "CMutexOrder", path: "Targets/CMutexOrder"),
  tests("HTTP2Tests", ["CMutexOrder", "HTTP2", nioCore]),
  tests("TLSTests", ["TLS", "LocalDeployment", "TestSupport", nioCore]),
  tests("RPCTests", ["Pacing", "RPC", "RPCInProcess", "Protobuf", nioCore, logging]),
  tests(
    "RPCCallTests",
    [
      "RPC", "RPCInProcess", "RPCTransport", "TLS", "LocalDeployment", "TestSupport", nioCore,
      nioPosix, logging,
    ]),
  tests(
    "RPCTransportTests",
    [
      "Addresses", "Networking", "Pacing", "RPC", "RPCTransport", "HTTP2", "TLS", "LocalDeployment",
      "TestSupport", nioCore, nioEmbedded, nioPosix, logging,
    ]),
  tests(
    "RPCServicesTests",
    ["RPCServices", "RPC", "RPCInProcess", "Protobuf", "ServiceAPI", nioCore]),
]

let package = Package(
  name: "chatelaine-sanitized",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
  ],
  targets: libraries + (isForThreads ? testsAndTheirTools : fuzzTargets),
  swiftLanguageModes: [.v6]
)
