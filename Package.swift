// swift-tools-version:6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

// MARK: Dependencies

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioExtras = Target.Dependency.product(name: "NIOExtras", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(
  name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(
  name: "UnixSignals", package: "swift-service-lifecycle")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
/// For the servers of tests.
let hummingbirdFramework = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")

// MARK: Target shapes

/// Where a target's folder lies: its name says what it is, its area what it may know.
enum Area: String {
  /// Speaks gRPC: a package of its own one day, so it imports from no other area.
  case runtime = "Sources/Runtime"
  /// What services stand on: cryptography, PostgreSQL, the operating system.
  case platform = "Sources/Platform"
  /// Rules, values and use cases: no RPC, no SQL, no C.
  case domain = "Sources/Domain"
  case services = "Sources/Services"
  case gateway = "Sources/Services/Gateway"
  case tools = "Sources/Tools"
  /// What only tests and benchmarks use.
  case support = "Tests/Support"
  case benchmarks = "Benchmarks/Sources"

  func path(_ name: String) -> String { "\(rawValue)/\(name)" }
}

func library(
  _ area: Area, _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [],
  resources: [Resource] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: area.path(name), exclude: exclude,
    resources: resources, swiftSettings: strict)
}

func executable(
  _ area: Area, _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []
) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, path: area.path(name), resources: resources,
    swiftSettings: strict)
}

func system(_ area: Area, _ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(
    name: name, path: area.path("C/\(name)"), pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func clang(_ path: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(
    name: String(path.split(separator: "/").last ?? ""), dependencies: dependencies, path: path)
}

/// Tests lie in the folder of the area that they test.
func tests(
  _ folder: String, _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [],
  resources: [Resource] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, path: "Tests/\(folder)/\(name)", exclude: exclude,
    resources: resources, swiftSettings: strict)
}

let package = Package(
  name: "chatelaine",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "chatelaine", targets: ["ChatelaineCLI"]),
    .executable(name: "gateway", targets: ["GatewayServer"]),
    .executable(name: "auth", targets: ["AuthServer"]),
    .executable(name: "vault", targets: ["VaultServer"]),
    .executable(name: "audit", targets: ["AuditServer"]),
    .executable(name: "protoc-gen-chatelaine", targets: ["protoc-gen-chatelaine"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras.git", exact: "1.35.2"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
    .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
  ],
  targets: [
    // C libraries.
    system(.runtime, "CNghttp2", pkgConfig: "libnghttp2", apt: "libnghttp2-dev"),
    system(.runtime, "COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
    system(.runtime, "CProtobufC", pkgConfig: "libprotobuf-c", apt: "libprotobuf-c-dev"),
    system(.runtime, "CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
    system(.platform, "CLibPQ", pkgConfig: "libpq", apt: "libpq-dev"),
    system(.platform, "CArgon2", pkgConfig: "libargon2", apt: "libargon2-dev"),
    system(.platform, "CCrypt", pkgConfig: "libxcrypt", apt: "libcrypt-dev"),
    system(.platform, "CQREncode", pkgConfig: "libqrencode", apt: "libqrencode-dev"),
    system(.platform, "CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
    clang("Sources/Platform/C/CLinux"),
    clang("Sources/Platform/C/CVersion"),

    // Generated protobuf-c: what gRPC itself needs, our services', the tests', the benchmarks'.
    clang("Sources/Runtime/C/CMessages", ["CProtobufC"]),
    clang("Sources/Services/CServiceMessages", ["CProtobufC", "CMessages"]),
    clang("Tests/Support/CInteropMessages", ["CProtobufC", "CMessages"]),
    clang("Tests/Support/CTestMessages", ["CProtobufC", "CMessages"]),
    clang("Benchmarks/Sources/CBenchMessages", ["CProtobufC", "CMessages"]),

    // Engines and runtime: no product knowledge.
    library(.runtime, "Encodings"),
    library(.runtime, "Addresses", ["Encodings"]),
    library(.runtime, "Pacing"),
    library(.runtime, "Threads"),
    library(.runtime, "Networking", ["Threads", "TLS", nioCore, logging]),
    library(.runtime, "Protobuf", ["CMessages", "Encodings"]),
    library(.runtime, "HTTP2", ["CNghttp2", "Pacing", nioCore, deque]),
    library(.runtime, "OpenSSL", ["COpenSSL"]),
    library(.runtime, "TLS", ["COpenSSL", "OpenSSL", nioCore]),
    library(
      .platform, "Cryptography",
      ["COpenSSL", "CArgon2", "CCrypt", "CLinux", "Encodings", "OpenSSL", "Threads"]),
    library(
      .platform, "OpenIDConnect",
      ["Addresses", "CCurl", "Cryptography", "Encodings", "Protobuf", "Threads"]),
    library(.platform, "WebAuthn", ["Cryptography", "Encodings", "Protobuf"]),
    library(.platform, "Files", ["Cryptography"]),
    library(.platform, "Telemetry", [metrics]),
    library(.platform, "Mail", ["CCurl", "Cryptography", "Encodings", "Files", "Threads"]),
    library(
      .platform, "Postgres",
      [
        "CLibPQ", "CLinux", "Cryptography", "Encodings", "Pacing", "Threads", nioCore, nioPosix,
        logging,
      ]),
    library(
      .runtime, "RPC", ["CZlib", "Encodings", "Pacing", "Protobuf", nioCore, logging],
      exclude: ["README.md"]),
    library(
      .runtime, "RPCTransport",
      [
        "Addresses", "Encodings", "HTTP2", "Networking", "Pacing", "RPC", "TLS", nioCore, nioPosix,
        logging, metrics,
      ]),
    library(.runtime, "RPCInProcess", ["RPC", nioCore, logging]),
    library(.runtime, "RPCServices", ["Protobuf", "RPC", "CMessages", nioCore]),
    library(
      .support, "RPCInterop", ["CInteropMessages", "Protobuf", "RPC", "RPCServices", nioCore]),
    executable(
      .support, "interop-server",
      [
        "RPCInterop", "RPCServices", "RPCTransport", "TLS", argumentParser, logging, nioPosix,
        unixSignals,
      ]),
    executable(
      .support, "interop-client",
      [
        "Networking", "RPC", "RPCInterop", "RPCTransport", "TLS", argumentParser, logging, nioCore,
        nioPosix,
      ]),
    library(.benchmarks, "BenchMessages", ["CBenchMessages", "Protobuf", "RPC", nioCore]),
    executable(
      .benchmarks, "bench-server",
      [
        "BenchMessages", "Pacing", "RPC", "RPCTransport", "Protobuf", "TLS", "Telemetry", nioPosix,
        logging, metrics,
      ]),
    executable(
      .benchmarks, "bench-client",
      ["BenchMessages", "Networking", "RPC", "RPCTransport", nioCore, nioPosix, logging]),
    executable(.benchmarks, "bare-responder", [nioCore, nioHTTP1, nioPosix]),
    library(.runtime, "RPCCodeGen", ["Encodings", "Protobuf", "CMessages"]),
    executable(.runtime, "protoc-gen-chatelaine", ["RPCCodeGen"]),
    library(.services, "ServiceAPI", ["Protobuf", "RPC", "CServiceMessages", nioCore]),
    library(
      .services, "Callers",
      ["Cryptography", "Identity", "Protobuf", "RPC", "ServiceAPI", "UseCases"]),
    library(
      .services, "ServiceRuntime",
      [
        "Addresses",
        "Encodings", "Files", "Networking", "Pacing", "RPC", "RPCServices", "RPCTransport", "TLS",
        "Postgres",
        "Protobuf", "OpenSSL", "Telemetry", "CVersion",
        "Cryptography", nioCore, nioHTTP1, nioPosix, logging, metrics,
        lifecycle,
        unixSignals,
      ]),

    // Domain: types, rules, use cases. Never RPC, Postgres or C.
    library(.domain, "Identity", ["Addresses", "Encodings"]),
    library(.domain, "Receipts", ["Cryptography", "Identity"]),
    library(.domain, "UseCases", ["Encodings", "Identity", "Receipts"]),
    library(
      .domain, "Providers", ["Addresses", "Cryptography", "Encodings"],
      resources: [.embedInCode("Catalogue")]),
    library(.domain, "DotEnv", ["Cryptography", "Encodings"]),
    library(
      .domain, "EnvImport", ["Addresses", "Cryptography", "DotEnv", "Encodings", "Providers"]),
    library(
      .domain, "Auth",
      ["Addresses", "Cryptography", "Encodings", "Identity", "Receipts", "UseCases", "WebAuthn"]),
    library(.domain, "Metering", resources: [.embedInCode("Prices")]),
    library(
      .domain, "Vault",
      ["Cryptography", "Identity", "Metering", "Providers", "Receipts", "UseCases"]),
    library(.domain, "TransparencyLog", ["Cryptography", "Encodings"]),
    library(
      .domain, "Audit", ["Encodings", "Identity", "Receipts", "TransparencyLog", "UseCases"]),

    // Services: adapters, wiring, main.
    library(
      .services, "Outbox",
      [
        "Networking", "Pacing", "Postgres", "Protobuf", "RPC", "ServiceAPI", "ServiceRuntime",
        "Identity",
        "Receipts",
        nioCore,
        logging, lifecycle, metrics,
      ], resources: [.embedInCode("Migrations")]),
    executable(
      .services, "AuthServer",
      [
        "Addresses", "Callers", "Auth", "Cryptography", "Encodings", "Identity", "Mail", "Outbox",
        "Pacing",
        "OpenIDConnect", "Postgres",
        "Protobuf", "Receipts", "RPC",
        "RPCTransport",
        "ServiceAPI", "ServiceRuntime", "UseCases", "WebAuthn", nioCore, logging, metrics,
        lifecycle,
      ], resources: [.embedInCode("Migrations")]),
    executable(
      .services, "VaultServer",
      [
        "Callers", "Addresses",
        "Vault", "Cryptography", "Metering", "Networking", "Identity", "Outbox", "Postgres",
        "Protobuf", "Providers",
        "Receipts", "RPC",
        "RPCTransport", "ServiceAPI", "ServiceRuntime", "Telemetry", "UseCases", nioCore, logging,
        lifecycle,
      ], resources: [.embedInCode("Migrations")]),
    executable(
      .services, "AuditServer",
      [
        "Callers", "Audit", "Cryptography", "Identity", "Postgres", "Protobuf", "RPC",
        "RPCTransport",
        "ServiceAPI", "ServiceRuntime", "TransparencyLog", "UseCases", "Outbox", "Receipts",
        nioCore, logging, lifecycle, metrics,
      ], resources: [.embedInCode("Migrations")]),
    // The gateway's rooms: each knows only what it names here.
    library(
      .gateway, "Edge",
      [
        "Addresses", "Cryptography", "Encodings", "HTTP2", "Networking", "TLS", httpTypes, nioCore,
        nioExtras, nioHTTP1, nioHTTPTypesHTTP1, nioPosix, logging, metrics, lifecycle,
      ]),
    library(
      .gateway, "Egress",
      [
        "Addresses", "Encodings", "HTTP2", "Networking", "Pacing", "Providers", "TLS", deque,
        httpTypes, nioCore, nioExtras, nioHTTP1, nioPosix,
      ]),
    library(
      .gateway, "Backend",
      [
        "Callers",
        "Edge", "Cryptography", "Identity", "Pacing", "Protobuf", "RPC", "ServiceAPI",
        "ServiceRuntime", httpTypes, nioCore, logging, lifecycle,
      ]),
    library(
      .gateway, "Portal",
      [
        "CQREncode", "Callers",
        "Backend", "Edge", "Cryptography", "DotEnv", "Encodings", "EnvImport", "KeyTesting",
        "Protobuf", "Providers", "RPC", "ServiceAPI", httpTypes, nioCore, logging,
      ], resources: [.embedInCode("Templates"), .embedInCode("Assets")]),
    library(
      .gateway, "API",
      [
        "Callers",
        "Backend", "Edge", "Cryptography", "Encodings", "KeyTesting", "Protobuf", "RPC",
        "RPCInProcess", "RPCServices", "ServiceAPI", "ServiceRuntime", httpTypes, nioCore,
      ], resources: [.embedInCode("Documents")]),
    library(
      .gateway, "KeyTesting",
      [
        "Backend", "Edge", "Egress", "Encodings", "Pacing", "Protobuf", "Providers", "RPC",
        "ServiceAPI", httpTypes, nioCore, nioHTTP1,
      ]),
    library(
      .gateway, "Proxy",
      [
        "Backend", "Edge", "Egress", "Cryptography", "Encodings", "Identity", "Metering",
        "Networking", "Protobuf", "Providers", "RPC", "ServiceAPI", httpTypes, nioCore, nioHTTP1,
        logging,
        metrics,
      ]),
    executable(
      .gateway, "GatewayServer",
      [
        "API", "Addresses", "Backend", "Callers", "Cryptography", "Edge", "Egress", "Identity",
        "KeyTesting", "Portal",
        "Protobuf", "Providers", "Proxy", "RPC", "RPCTransport", "ServiceAPI", "ServiceRuntime",
        "TLS", nioCore, nioPosix, logging, lifecycle,
      ]),
    library(
      .tools, "LocalDeployment",
      [
        "CLinux", "Cryptography", "Encodings", "Files", "Identity", "OpenSSL", "Pacing", "Postgres",
        "RPC", "RPCServices", "RPCTransport", "TLS", "Threads", nioCore, nioPosix, logging,
      ]),
    executable(
      .tools, "ChatelaineCLI",
      [
        "Addresses", "CCurl", "CVersion", "Callers", "DotEnv", "Encodings", "EnvImport", "Files",
        "LocalDeployment", "Cryptography",
        "Identity", "Mail", "Postgres", "Protobuf", "Providers",
        "RPC",
        "RPCTransport", "ServiceAPI", "ServiceRuntime", "TLS", "TransparencyLog", argumentParser,
        logging, nioCore, nioPosix,
      ]),

    // Tests.
    tests(
      "Runtime", "ProtobufTests", ["Protobuf", "CTestMessages", "LocalDeployment", "TestSupport"],
      exclude: ["Python"]),
    tests("Runtime", "EncodingsTests", ["Encodings"]),
    tests("Runtime", "AddressesTests", ["Addresses"]),
    tests("Runtime", "PacingTests", ["Pacing"]),
    tests("Runtime", "OpenSSLTests", ["OpenSSL"]),
    tests("Runtime", "ThreadsTests", ["Threads"]),
    tests("Runtime", "NetworkingTests", ["Networking", nioCore]),
    tests("Runtime", "RPCCodeGenTests", ["Encodings", "RPCCodeGen", "Protobuf"]),
    tests(
      "Runtime", "RPCServicesTests",
      ["RPCServices", "RPC", "RPCInProcess", "Protobuf", "ServiceAPI", nioCore]),
    library(
      .support, "TestSupport",
      [
        "LocalDeployment", "Networking", "Postgres", "COpenSSL", "Cryptography", "CLinux",
        "Encodings", "OpenSSL", "TLS", nioCore, nioHTTP1, nioPosix, logging,
      ], exclude: ["Python"]),
    tests("Runtime", "HTTP2Tests", ["HTTP2", nioCore]),
    // The rules of HTTP/2 with what breaks them, for every server that we have.
    library(.support, "HTTP2Trials", ["TLS", nioCore, nioPosix]),
    tests(
      "Runtime", "HTTP2ConformanceTests",
      [
        "HTTP2", "HTTP2Trials", "TLS", "RPC", "RPCTransport", "LocalDeployment", "TestSupport",
        nioCore, nioPosix, logging,
      ]),
    tests(
      "Runtime", "TLSTests", ["TLS", "LocalDeployment", "OpenSSL", "TestSupport", nioCore]),
    tests("Runtime", "RPCTests", ["Pacing", "RPC", "RPCInProcess", "Protobuf", nioCore, logging]),
    tests(
      "Runtime", "RPCCallTests",
      [
        "RPC", "RPCInProcess", "RPCTransport", "TLS", "LocalDeployment", "TestSupport", nioCore,
        nioPosix, logging,
      ]),
    tests(
      "Runtime", "RPCTransportTests",
      [
        "Addresses", "Networking", "Pacing", "RPC", "RPCTransport", "HTTP2", "TLS",
        "LocalDeployment",
        "TestSupport", nioCore, nioEmbedded, nioPosix, logging,
      ]),
    tests(
      "Runtime", "InteropTests",
      [
        "RPC", "RPCInProcess", "RPCInterop", "RPCServices", "RPCTransport", "TLS",
        "LocalDeployment", "TestSupport", .target(name: "interop-server"),
        .target(name: "interop-client"), nioCore, nioPosix, logging,
      ], exclude: ["Python"]),
    tests(
      "Runtime", "AbuseTests",
      [
        "CNghttp2", "CZlib", "Networking", "RPC", "RPCTransport", "TLS", "LocalDeployment",
        "TestSupport",
        "Threads",
        .target(name: "interop-server"), nioCore, nioPosix, logging,
      ]),
    tests("Domain", "IdentityTests", ["Identity"]),
    tests("Domain", "AuthTests", ["Auth", "Cryptography", "Identity", "Receipts", "UseCases"]),
    tests("Domain", "UseCasesTests", ["UseCases", "Identity", "Receipts"]),
    tests(
      "Services", "CallersTests",
      ["Callers", "Cryptography", "Identity", "Protobuf", "RPC", "ServiceAPI"]),
    tests(
      "Services", "ServiceRuntimeTests",
      [
        "Addresses", "ServiceRuntime", "Cryptography", "Identity", "Postgres", "Protobuf", "RPC",
        "RPCInProcess", "RPCServices", "RPCTransport", "ServiceAPI", "TLS", "Telemetry",
        "TestSupport", logging, metrics, nioCore, nioHTTP1, nioPosix,
      ]),
    tests(
      "Services", "AuthServerTests",
      [
        "Callers", "Mail", "UseCases",
        "AuthServer", "Auth", "Cryptography", "Encodings", "Identity", "LocalDeployment",
        "OpenIDConnect", "Outbox", "Postgres",
        "Protobuf", "Receipts", "RPC", "RPCInProcess", "RPCServices", "RPCTransport",
        "ServiceAPI", "ServiceRuntime", "TLS", "TestSupport", "WebAuthn", logging, nioCore,
        nioPosix,
      ]),
    tests(
      "Services/Gateway", "EdgeTests",
      [
        "Edge", "Addresses", "Cryptography", "LocalDeployment", "TLS", "TestSupport", httpTypes,
        logging, nioCore, nioEmbedded, nioHTTP1, nioPosix,
      ]),
    tests(
      "Services/Gateway", "EgressTests",
      [
        "Egress", "Addresses", "HTTP2", "LocalDeployment", "Networking", "Providers", "TLS",
        "TestSupport", httpTypes, nioCore, nioHTTP1, nioPosix,
      ]),
    tests(
      "Services/Gateway", "BackendTests",
      [
        "Backend", "Callers", "Cryptography", "Edge", "Identity", "Protobuf", "RPC", "ServiceAPI",
        httpTypes, logging, nioCore,
      ]),
    tests(
      "Services/Gateway", "PortalTests", ["Portal", "Protobuf", "Providers", "ServiceAPI"]),
    tests(
      "Services/Gateway", "ProxyTests",
      [
        "Proxy", "Cryptography", "Edge", "Encodings", "Identity", "Providers", "RPC", httpTypes,
        nioHTTP1,
      ]),
    tests(
      "Services/Gateway", "GatewayServerTests",
      [
        "GatewayServer", "API", "Addresses", "Backend", "Callers", "Edge", "Egress", "Encodings",
        "HTTP2Trials", "LocalDeployment", "Networking", "Protobuf", "Providers", "RPC",
        "ServiceAPI",
        "ServiceRuntime", "TLS", "TestSupport", hummingbirdFramework, httpTypes, nioCore, nioHTTP1,
        nioPosix,
        logging, lifecycle,
      ], exclude: ["Python"]),
    tests(
      "Services/Gateway", "KeyTestingTests",
      ["KeyTesting", "Edge", "Pacing", "Providers", "ServiceAPI", httpTypes, nioCore]),
    tests(
      "System", "IntegrationTests",
      [
        "Callers", "Identity", "Protobuf",
        "TestSupport", "LocalDeployment", "Postgres", "RPC", "RPCTransport", "ServiceAPI", "TLS",
        hummingbirdFramework,
        httpTypes, logging, nioCore, nioPosix, .product(name: "NIOHTTP1", package: "swift-nio"),
        .target(name: "ChatelaineCLI"), .target(name: "GatewayServer"),
        .target(name: "AuthServer"), .target(name: "VaultServer"), .target(name: "AuditServer"),
      ], exclude: ["Python"]),
    tests(
      "System", "BrowserTests", ["TestSupport", "LocalDeployment"],
      exclude: ["drive_portal.py", "log_in_by_provider.py", "look_at_portal.py", "use_passkeys.py"]),
    tests(
      "Tools", "LocalDeploymentTests",
      ["Cryptography", "Files", "LocalDeployment", "OpenSSL", "Pacing", "Postgres", logging]),
    tests(
      "Platform", "PostgresTests",
      [
        "Postgres", "Cryptography", "LocalDeployment", "TestSupport", nioCore, nioHTTP1, nioPosix,
        logging,
      ]),
    tests("Platform", "FilesTests", ["Cryptography", "Files"]),
    tests(
      "Platform", "WebAuthnTests", ["Cryptography", "Encodings", "TestSupport", "WebAuthn"]),
    tests(
      "Platform", "MailTests", ["Cryptography", "LocalDeployment", "Mail", "TestSupport"]),
    tests("Platform", "TelemetryTests", ["Telemetry", metrics]),
    tests("Platform", "CryptographyTests", ["Cryptography", "CLinux", "Encodings"]),
    tests("Domain", "ProvidersTests", ["Cryptography", "Providers"]),
    tests("Domain", "MeteringTests", ["Metering"]),
    tests(
      "Domain", "DotEnvTests",
      ["DotEnv", "Cryptography", "Encodings", "LocalDeployment", "TestSupport"],
      exclude: ["Python"]),
    tests(
      "Tools", "ChatelaineCLITests",
      ["ChatelaineCLI", "Cryptography", "DotEnv", "EnvImport", "LocalDeployment", "Providers"]),
    tests(
      "Domain", "VaultTests",
      ["Vault", "Cryptography", "Identity", "Metering", "Providers", "Receipts", "UseCases"]),
    tests(
      "Domain", "TransparencyLogTests", ["TransparencyLog", "Cryptography", "Encodings"]),
    tests("Domain", "AuditTests", ["Audit", "Identity", "Receipts", "UseCases"]),
    tests(
      "Services", "VaultServerTests",
      [
        "Callers", "UseCases",
        "VaultServer", "Vault", "Cryptography", "Encodings", "Identity", "LocalDeployment",
        "Outbox", "Postgres",
        "Protobuf", "Receipts", "RPC", "RPCInProcess", "ServiceAPI", "ServiceRuntime",
        "TestSupport", logging, nioCore, nioPosix,
      ]),
    tests(
      "Services", "AuditServerTests",
      [
        "Callers", "UseCases",
        "AuditServer", "Audit", "Cryptography", "Encodings", "Identity", "LocalDeployment",
        "Postgres", "Protobuf", "Receipts", "RPC", "RPCInProcess", "ServiceAPI", "ServiceRuntime",
        "TestSupport", "TransparencyLog", logging, nioPosix,
      ], exclude: ["Python"]),
    tests(
      "Services", "OutboxTests",
      [
        "Outbox", "Identity", "LocalDeployment", "Postgres", "Protobuf", "Receipts", "RPC",
        "RPCInProcess", "ServiceAPI", "TestSupport", logging, nioPosix,
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// Whoever only builds the product compiles nothing that only tests and benchmarks use.
if Context.environment["CHATELAINE_PRODUCT_ONLY"] != nil {
  package.targets.removeAll { target in !(target.path ?? "").hasPrefix("Sources/") }
}
