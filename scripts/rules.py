"""The rules of this code base that neither the compiler nor the formatter knows.

A rule has a name, says what it wants, finds what breaks it, and has samples: what it must refuse
and what it must accept, which `check-rules --self-test` tries. A rule that older code still breaks
has a limit in scripts/limits: the count may fall, never rise.
"""

import collections
import re

from sources import EVERYWHERE, Target

# samples: (path, text, whether it is refused).
Rule = collections.namedtuple("Rule", "name wants find samples")

FILE_LINES_MAX = 400
SMALL_FILE_LINES = 40
FUNCTION_LINES_MAX = 70
LINE_CHARACTERS_MAX = 100


def pattern(name, wants, expression, folders, refused, accepted, unless=None):
    """A rule about single lines of hand-written Swift."""
    bad, fine = re.compile(expression), re.compile(unless) if unless else None

    def find(checkout):
        for path in checkout.files(*folders):
            for number, line in enumerate(checkout.lines(path), 1):
                if bad.search(line) and not (fine and fine.search(line)):
                    yield f"{path}:{number}: {line.strip()}"

    where = f"{folders[0]}/Sample/Sample.swift"
    samples = [(where, line, True) for line in refused] + [(where, line, False) for line in accepted]
    return Rule(name, wants, find, samples)


# MARK: What a line may not say

LINES = [
    pattern(
        "forced", "no forced try or cast", r"try!|as!", ["Sources"],
        ["let a = try! b()", "let a = b as! Int"], ["let a = try b()", "let a = b as? Int"]),
    pattern(
        "cut-float", "a floating-point number becomes an integer by Int(exactly:), which doesn't trap",
        r"\bU?Int(8|16|32|64)?\((?!exactly:|clamping:|truncating|bitPattern:)"
        r".*(\.rounded\(|\b(Double|Float)\(|[0-9]\.[0-9])",
        ["Sources"],
        ["let n = Int(value.rounded())", "let n = Int64(Double(text) * 2)", "UInt8(x * 1.5)"],
        ["let n = Int(exactly: value.rounded())", "let n = Int64(seconds) * 1000", "Int(1...5)"]),
    pattern(
        "unfinished", "nothing is left for later", r'fatalError\("(TODO|not impl)|\b(TODO|FIXME)\b',
        EVERYWHERE, ['fatalError("TODO")', "// FIXME: later"], ['fatalError("a row without an id")']),
    pattern(
        "internal-import", "an import without a word is internal already", r"^internal import",
        EVERYWHERE, ["internal import NIOCore"], ["import NIOCore", "package import NIOCore"]),
    pattern(
        "c-import", "C modules stay behind an internal import",
        r"^(package|public) import C(QREncode|Crypt|Curl|Nghttp2|NGHTTP2|OpenSSL|LibPQ|ProtobufC|Argon2|Zlib|Linux|Version)\b",
        ["Sources"], ["package import COpenSSL"], ["import COpenSSL"]),
    pattern(
        "joined-sql", "SQL is never joined from strings",
        r'"[^"]*\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b[^"]*" *\+', ["Sources"],
        ['let q = "SELECT id FROM t WHERE " + clause'], ['"SELECT id FROM t WHERE id = \\(id)"']),
    pattern(
        "all-columns", "columns are listed", r"SELECT \*", ["Sources"], ['"SELECT * FROM t"'],
        ['"SELECT id FROM t"']),
    pattern(
        "printing", "services log; only the command line prints", r"\b(debugPrint|print|dump)\(",
        ["Sources/Runtime", "Sources/Platform", "Sources/Domain", "Sources/Services"],
        ["print(key)", "  dump(key)"], ["fingerprint(key)", "lines.print(key)"],
        unless=r"\.(print|dump)\(|func (print|dump)\("),
    pattern(
        "long-line", f"a line has at most {LINE_CHARACTERS_MAX} characters",
        rf"^.{{{LINE_CHARACTERS_MAX + 1}}}", EVERYWHERE, ["/" * 101], ["/" * 100]),
    pattern(
        "character",
        "text of strangers is taken apart by bytes or scalars: a combining character hides from "
        "Characters",
        r'\.(split|contains|firstIndex|lastIndex|hasPrefix|hasSuffix|prefix|drop|allSatisfy|filter)'
        r'\s*[({].*"|[!=]= "[^"\\]"',
        ["Sources/Domain/Auth", "Sources/Domain/Providers", "Sources/Services",
         "Sources/Runtime/RPC"],
        ['let parts = header.split(separator: ",")', 'if text.first == "[" {'],
        ['let parts = header.utf8.split(separator: UInt8(ascii: ","))', "set.contains(name)"],
        unless=r"utf8|unicodeScalars|[Ss]calar|UInt8\(ascii|atByte:"),
]


# MARK: What a file may not be

def long_files(checkout):
    for path in checkout.files(*EVERYWHERE):
        if (count := len(checkout.lines(path))) > FILE_LINES_MAX:
            yield f"{path}: {count} lines"


def small_file_reasons(checkout):
    """Path and reason by line of scripts/small-files."""
    listed = checkout.root / "scripts/small-files"
    lines = listed.read_text().splitlines() if listed.exists() else []
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def small_files(checkout):
    reasons = small_file_reasons(checkout)
    for path in checkout.files("Sources"):
        count = len(checkout.lines(path))
        if count < SMALL_FILE_LINES and str(path) not in reasons:
            yield f"{path}: {count} lines"


def stale_reasons(checkout):
    for name in small_file_reasons(checkout):
        path = checkout.root / name
        if not path.exists() or len(checkout.lines(name)) >= SMALL_FILE_LINES:
            yield f"scripts/small-files: {name} needs no reason"


def long_functions(checkout):
    start = re.compile(r"^( *)(?:@?\w+(?:\([^)]*\))? )*(?:func |init[?(<]|deinit\b)")
    for path in checkout.files(*EVERYWHERE):
        begin = None
        for number, line in enumerate(checkout.lines(path), 1):
            if (match := start.match(line)) and not line.rstrip().endswith("}"):
                begin, end = number, match.group(1) + "}"
            elif begin and line.rstrip() == end:
                if number - begin >= FUNCTION_LINES_MAX:
                    yield f"{path}:{begin}: {number - begin + 1} lines"
                begin = None


# What `Type+X.swift` may name besides a protocol: a border that the file carries its type across.
BORDERS = {
    "RPC", "HTTP", "HTTPAnswers", "JSON", "Postgres", "Rows", "Domain", "Wire", "Result", "Framing",
    "FlowControl", "HPACK", "Interop", "Library", "Tests", "API", "Environment", "OpenSSL", "NIO",
}


def cut_types(checkout):
    for path in checkout.files(*EVERYWHERE):
        if "+" not in path.stem:
            continue
        name, topic = path.stem.split("+", 1)
        conforms = re.search(rf"extension [\w.]+\s*:[^{{]*\b{topic}\b", checkout.text(path))
        is_use_case = name.endswith("Service")
        is_suite = "Tests" in path.parts[0]
        if not (topic in BORDERS or conforms or is_use_case or is_suite):
            yield f"{path}"


def poor_names(checkout):
    for path in checkout.files(*EVERYWHERE):
        for part in (*path.parts[:-1], path.stem):
            if re.search(r"(^|[a-z+])(Utils?|Utilities|Helpers?|Common|Manager|Misc)$", part):
                yield f"{path}"


def unguarded_use_cases(checkout):
    begin = re.compile(r"^  (?:package|public) (?:nonisolated |mutating )?func ")
    for path in checkout.files("Sources/Domain"):
        if not re.match(r"(Auth|Vault|Audit)Service(\+|$)", path.stem):
            continue
        lines = checkout.lines(path)
        for number, line in enumerate(lines):
            if not begin.match(line):
                continue
            # The signature ends with the line that opens the body.
            opening = next(
                (at for at in range(number, len(lines)) if re.search(r"[{}]$", lines[at])), number)
            body = lines[opening + 1] if opening + 1 < len(lines) else ""
            if not re.search(r"\bdoor\.(perform|refuse)\(", body):
                yield f"{path}:{number + 1}: {line.strip()}"


FILES = [
    Rule("long-file", f"a file has at most {FILE_LINES_MAX} lines", long_files, [
        ("Sources/Domain/A/A.swift", "//\n" * 401, True),
        ("Sources/Domain/A/A.swift", "//\n" * 400, False)]),
    Rule(
        "small-file",
        f"a file below {SMALL_FILE_LINES} lines shares one with what it belongs to, or has its "
        "reason in scripts/small-files", small_files, [
            ("Sources/Domain/A/A.swift", "//\n" * 39, True),
            ("Sources/Domain/A/A.swift", "//\n" * 40, False)]),
    Rule("stale-reason", "a reason in scripts/small-files is of a small file", stale_reasons, [
        ("scripts/small-files", "Sources/Domain/A/Gone.swift: it says so\n", True),
        ("scripts/small-files", "# nothing\n", False)]),
    Rule("long-function", f"a function has at most {FUNCTION_LINES_MAX} lines", long_functions, [
        ("Sources/Domain/A/A.swift", "  func a() {\n" + "    b()\n" * 69 + "  }\n", True),
        ("Sources/Domain/A/A.swift", "  func a() {\n" + "    b()\n" * 68 + "  }\n", False)]),
    Rule(
        "cut-type", "Type+X.swift only where X is a protocol, a border or a use case", cut_types, [
            ("Sources/Domain/A/Pool+Opening.swift", "extension Pool {}", True),
            ("Sources/Domain/A/Pool+Sendable.swift", "extension Pool: Sendable {}", False),
            ("Sources/Domain/A/VaultService+Import.swift", "extension VaultService {}", False)]),
    Rule(
        "unguarded-use-case", "every use case starts with its door", unguarded_use_cases, [
            ("Sources/Domain/Vault/VaultService.swift",
             "  package func get(\n    _ id: String\n  ) throws -> A {\n    try store.get(id)\n  }\n",
             True),
            ("Sources/Domain/Vault/VaultService.swift",
             "  package func get(_ id: String) throws -> A {\n    try door.perform(.get) {\n    }\n"
             "  }\n", False)]),
    Rule("poor-name", "a name is a noun of the field: no Utils, Helpers, Common, Manager",
         poor_names, [
             ("Sources/Domain/A/StringUtils.swift", "", True),
             ("Sources/Domain/Common/A.swift", "", True),
             ("Sources/Domain/A/A.swift", "", False)]),
]


# MARK: Who may know whom

# Modules of the system and the toolchain, which no manifest lists.
SYSTEM = {
    "Foundation", "FoundationEssentials", "Glibc", "Synchronization", "Dispatch", "Testing",
    "Swift", "PackageDescription",
}
# Modules of one product whose names are not the product's.
OF_PRODUCT = {"CoreMetrics": "Metrics"}
# What the domain may use of the platform: arithmetic on bytes, no I/O.
BELOW_DOMAIN = {"Addresses", "Cryptography", "Encodings", "Pacing", "WebAuthn"}

# Rooms of the gateway that know no Chatelaine: HTTP at the edge, and the way out.
WITHOUT_PRODUCT = {"Edge", "Egress"}

IMPORT = re.compile(r"^(?:@\w+ |package |public |internal )*import (?:struct |enum )?(\w+)")


def imports(checkout, target):
    for path in checkout.files(target.path):
        for number, line in enumerate(checkout.lines(path), 1):
            if match := IMPORT.match(line):
                yield path, number, match.group(1)


def undeclared_imports(checkout):
    for target in checkout.targets:
        known = SYSTEM | set(target.dependencies)
        for path, number, name in imports(checkout, target):
            if OF_PRODUCT.get(name, name) not in known:
                yield f"{path}:{number}: {target.name} doesn't declare {name}"


def wrong_ways(checkout):
    area = {target.name: "/".join(target.path.split("/")[:2]) for target in checkout.targets}
    for target in checkout.targets:
        own = area[target.name]
        for name in target.dependencies:
            other = area.get(name)
            if other is None or other == own and target.name not in WITHOUT_PRODUCT:
                continue
            wrong = (
                own == "Sources/Runtime"
                or own == "Sources/Platform" and other != "Sources/Runtime"
                or own == "Sources/Domain" and name not in BELOW_DOMAIN
                or own == "Sources/Services" and other == "Sources/Tools"
                or target.name in WITHOUT_PRODUCT and other == "Sources/Services"
                or own.startswith("Sources/") and not other.startswith("Sources/"))
            if wrong:
                yield f"Package.swift: {target.name} ({own}) depends on {name} ({other})"


def floating_versions(checkout):
    for manifest in ("Package.swift", "Fuzz/Package.swift"):
        if not (checkout.root / manifest).exists():
            continue
        for number, line in enumerate(checkout.lines(manifest), 1):
            if ".package(url:" in line and not re.search(r'exact: "\d+\.\d+\.\d+"', line):
                yield f"{manifest}:{number}: {line.strip()}"


NEIGHBOURS = [
    Rule("undeclared-import", "a module imports only what Package.swift says that it depends on",
         undeclared_imports, [
             ("Sources/Domain/A/A.swift", "import Postgres\n", True,
              [Target("A", "Sources/Domain/A", ["Cryptography"])]),
             ("Sources/Domain/A/A.swift", "import Foundation\npackage import B\n", False,
              [Target("A", "Sources/Domain/A", ["B"])])]),
    Rule(
        "wrong-way",
        "areas look down only: tools and services at the domain, that at the platform's "
        "arithmetic; the runtime at no other; the edge and the way out at no service; none at "
        "tests and benchmarks", wrong_ways, [
            ("Package.swift", "", True, [
                Target("RPC", "Sources/Runtime/RPC", ["Identity"]),
                Target("Identity", "Sources/Domain/Identity", [])]),
            ("Package.swift", "", True, [
                Target("Vault", "Sources/Domain/Vault", ["Postgres"]),
                Target("Postgres", "Sources/Platform/Postgres", [])]),
            ("Package.swift", "", True, [
                Target("VaultServer", "Sources/Services/VaultServer", ["TestSupport"]),
                Target("TestSupport", "Tests/Support/TestSupport", [])]),
            ("Package.swift", "", True, [
                Target("Edge", "Sources/Services/Gateway/Edge", ["ServiceAPI"]),
                Target("ServiceAPI", "Sources/Services/ServiceAPI", [])]),
            ("Package.swift", "", False, [
                Target("VaultServer", "Sources/Services/VaultServer", ["Vault", "NIOCore"]),
                Target("Vault", "Sources/Domain/Vault", ["Cryptography"]),
                Target("Cryptography", "Sources/Platform/Cryptography", [])])]),
    Rule("floating-version", "a security product says what it is made of: every dependency is exact",
         floating_versions, [
             ("Package.swift", '.package(url: "https://x/y", from: "1.0.0"),', True),
             ("Package.swift", '.package(url: "https://x/y", exact: "1.0.0"),', False)]),
]

# MARK: What documents say

def stale_mentions(checkout):
    """Links, paths of this repository and make targets that aren't there."""
    makefile = checkout.root / "Makefile"
    targets = set(re.findall(r"^([a-z-]+):", makefile.read_text(), re.M)) if makefile.exists() else set()
    names = ["Package.swift", "Type+X.swift", *map(str, checkout.files(*EVERYWHERE))]
    documents = [*checkout.root.glob("*.md"), *checkout.root.glob("docs/**/*.md"),
                 *checkout.root.glob("Sources/**/*.md")]
    for document in sorted(documents):
        name = document.relative_to(checkout.root)
        for number, line in enumerate(document.read_text().splitlines(), 1):
            said = [(link, document.parent / link)
                    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", line)]
            for code in re.findall(r"`([^`]+)`", line):
                path = re.match(r"(Sources|Tests|scripts|docs|Protos|Fuzz|Benchmarks)/[\w./+-]*$", code)
                if path:
                    said.append((code, checkout.root / code))
                elif re.fullmatch(r"[\w+]+(/[\w+]+)*\.swift", code):
                    if not any(f"/{file}".endswith(f"/{code}") for file in names):
                        yield f"{name}:{number}: {code}"
                command = re.match(r"make ([a-z-]+)", code)
                if command and command.group(1) not in targets:
                    yield f"{name}:{number}: `make {command.group(1)}`"
            yield from (f"{name}:{number}: {text}" for text, path in said if not path.exists())


def unheard_tests(checkout):
    """Suites and tests that documents name as proof, and that aren't there."""
    texts = [checkout.text(path) for path in checkout.files("Tests")]
    for document in sorted(checkout.root.glob("docs/**/*.md")):
        name = document.relative_to(checkout.root)
        for suite, test in re.findall(r"`([A-Z]\w+Tests)\.(\w+)`", document.read_text()):
            if not any(f"func {test}(" in text and re.search(rf"\b(struct|class|extension) {suite}\b", text)
                       for text in texts):
                yield f"{name}: {suite}.{test}"


LINES_OFF_MAX = 0.1


def drifted_line_tables(checkout):
    """Rows `| module | lines |` of the documents beside the code, a tenth or more off."""
    for document in sorted(checkout.root.glob("Sources/**/*.md")):
        for row in re.finditer(r"^\| `(\w+)` \| ([\d,]+) \|", document.read_text(), re.M):
            name, said = row.group(1), int(row.group(2).replace(",", ""))
            folders = [*checkout.root.glob(f"Sources/*/{name}"), checkout.root / f"Tests/Support/{name}"]
            lines = sum(checkout.measure(checkout.files(folder))[1] for folder in folders)
            if abs(lines - said) > LINES_OFF_MAX * said:
                yield f"{document.relative_to(checkout.root)}: {name} has {lines} lines, not {said}"


DOCUMENTS = [
    Rule("line-table", "the tables of lines beside the code are right within a tenth",
         drifted_line_tables, [
             ("Sources/Runtime/RPC/README.md", "| `RPC` | 1,000 | calls |\n", True),
             ("Sources/Runtime/RPC/README.md", "| `RPC` | 0 | calls |\n", False)]),
    Rule("unheard-test", "documents name tests that are there, as Suite.test", unheard_tests, [
        ("docs/a.md", "shown by `GoneTests.nothingIsLeft`", True),
        ("docs/a.md", "shown by `GoneTests`, `Tests/Support`", False)]),
    Rule("stale-mention", "documents name files and make targets that are there", stale_mentions, [
        ("README.md", "see `scripts/gone` and [this](docs/gone.md)", True),
        ("README.md", "run `make gone`", True),
        ("docs/a.md", "see `RPC/Gone.swift`", True),
        ("README.md", "`Sources/<Service>`, `Tests/*`, [that](https://example.org), `make`", False)]),
]

RULES = LINES + FILES + NEIGHBOURS + DOCUMENTS
