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
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let asyncHTTPClient = Target.Dependency.product(
  name: "AsyncHTTPClient", package: "async-http-client")

// MARK: Target shapes

func library(
  _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [],
  resources: [Resource] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, exclude: exclude, resources: resources,
    swiftSettings: strict)
}

func executable(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []
) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [],
  resources: [Resource] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, exclude: exclude, resources: resources,
    swiftSettings: strict)
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
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
  ],
  targets: [
    // C libraries.
    .systemLibrary(
      name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CLinux"),
    .target(name: "CMessages", dependencies: ["CProtobufC"]),
    .target(name: "CInteropMessages", dependencies: ["CProtobufC", "CMessages"]),
    .target(name: "CBenchMessages", dependencies: ["CProtobufC", "CMessages"]),

    // Engines and runtime: no product knowledge.
    library("Protobuf", ["CMessages"]),
    library("HTTP2", ["CNghttp2", nioCore, deque]),
    library("TLS", ["COpenSSL", nioCore]),
    library("Cryptography", ["COpenSSL", "CArgon2", "CLinux"]),
    library("Postgres", ["CLibPQ", "CLinux", "Cryptography", nioCore, nioPosix, logging]),
    library("RPC", ["CZlib", "Protobuf", nioCore, logging], exclude: ["README.md"]),
    library("RPCTransport", ["RPC", "HTTP2", "TLS", nioCore, nioPosix, logging, metrics]),
    library("RPCInProcess", ["RPC", nioCore]),
    library("RPCServices", ["Protobuf", "RPC", "CMessages", nioCore]),
    library("RPCInterop", ["CInteropMessages", "Protobuf", "RPC", "RPCServices", nioCore]),
    executable(
      "interop-server",
      [
        "RPCInterop", "RPCServices", "RPCTransport", "TLS", argumentParser, logging, nioPosix,
        unixSignals,
      ]),
    executable(
      "interop-client",
      ["RPC", "RPCInterop", "RPCTransport", "TLS", argumentParser, logging, nioCore, nioPosix]),
    library("BenchMessages", ["CBenchMessages", "Protobuf", "RPC", nioCore]),
    executable(
      "bench-server",
      ["BenchMessages", "RPC", "RPCTransport", "Protobuf", "TLS", nioPosix, logging, metrics]),
    executable(
      "bench-client", ["BenchMessages", "RPC", "RPCTransport", nioCore, nioPosix, logging]),
    library("RPCCodeGen", ["Protobuf", "CMessages"]),
    executable("protoc-gen-chatelaine", ["RPCCodeGen"]),
    library("ServiceAPI", ["Protobuf", "RPC", "CMessages", nioCore]),
    library(
      "ServiceRuntime",
      [
        "RPC", "RPCServices", "RPCTransport", "TLS", "Postgres", "Protobuf", "Cryptography",
        "ServiceAPI", "Identity", nioCore, nioPosix, logging, metrics, lifecycle, unixSignals,
      ]),

    // Domain: types, rules, use cases. Never RPC, Postgres or C.
    library("Identity"),
    library("Receipts", ["Identity"]),
    library("Providers", resources: [.embedInCode("Catalogue")]),
    library("DotEnv", ["Cryptography"]),
    library("Auth", ["Cryptography", "Identity", "Receipts"]),
    library("Vault", ["Cryptography", "Identity", "Providers", "Receipts"]),
    library("Audit", ["Identity"]),

    // Services: adapters, wiring, main.
    library(
      "Outbox",
      [
        "Postgres", "Protobuf", "RPC", "ServiceAPI", "Identity", "Receipts", nioCore, logging,
        lifecycle,
      ], resources: [.embedInCode("Migrations")]),
    executable(
      "AuthServer",
      [
        "Auth", "Cryptography", "Identity", "Outbox", "Postgres", "Protobuf", "Receipts", "RPC",
        "RPCTransport",
        "ServiceAPI", "ServiceRuntime", nioCore, logging, lifecycle,
      ], resources: [.embedInCode("Migrations")]),
    executable(
      "VaultServer",
      [
        "Vault", "Cryptography", "Identity", "Outbox", "Postgres", "Protobuf", "Providers",
        "Receipts", "RPC",
        "RPCTransport", "ServiceAPI", "ServiceRuntime", nioCore, logging, lifecycle,
      ], resources: [.embedInCode("Migrations")]),
    executable(
      "AuditServer",
      [
        "Audit", "Cryptography", "Identity", "Postgres", "Protobuf", "RPC", "RPCTransport",
        "ServiceAPI",
        "ServiceRuntime", nioCore, logging, lifecycle,
      ], resources: [.embedInCode("Migrations")]),
    executable(
      "GatewayServer",
      [
        "Cryptography", "Identity", "Protobuf", "Providers", "RPC", "RPCTransport", "ServiceAPI",
        "ServiceRuntime", hummingbird, mustache, asyncHTTPClient, httpTypes, nioCore, nioPosix,
        logging, lifecycle,
      ], resources: [.embedInCode("Templates"), .embedInCode("Assets")]),
    library(
      "LocalDeployment",
      ["COpenSSL", "CLinux", "Cryptography", nioCore, logging]),
    executable(
      "ChatelaineCLI",
      [
        "DotEnv", "LocalDeployment", "Cryptography", "Identity", "Protobuf", "Providers", "RPC",
        "RPCTransport", "ServiceAPI", "ServiceRuntime", "TLS", argumentParser, logging, nioCore,
        nioPosix,
      ]),

    // Tests.
    .target(
      name: "CTestMessages", dependencies: ["CProtobufC", "CMessages"], path: "Tests/CTestMessages"),
    tests(
      "ProtobufTests", ["Protobuf", "CTestMessages", "LocalDeployment", "TestSupport"],
      exclude: ["Python"]),
    tests("RPCCodeGenTests", ["RPCCodeGen", "Protobuf"]),
    tests(
      "RPCServicesTests",
      ["RPCServices", "RPC", "RPCInProcess", "Protobuf", "ServiceAPI", nioCore]),
    library(
      "TestSupport",
      ["LocalDeployment", "Postgres", "Cryptography", "CLinux", nioCore, nioPosix, logging]),
    tests("HTTP2Tests", ["HTTP2", nioCore]),
    tests(
      "HTTP2ConformanceTests",
      [
        "HTTP2", "TLS", "RPC", "RPCTransport", "LocalDeployment", "TestSupport", nioCore, nioPosix,
        logging,
      ]),
    tests("TLSTests", ["TLS", "LocalDeployment", "TestSupport", nioCore]),
    tests("RPCTests", ["RPC", "RPCInProcess", "Protobuf", nioCore, logging]),
    tests(
      "RPCCallTests",
      [
        "RPC", "RPCInProcess", "RPCTransport", "TLS", "LocalDeployment", "TestSupport", nioCore,
        nioPosix, logging,
      ]),
    tests(
      "RPCTransportTests",
      [
        "RPC", "RPCTransport", "HTTP2", "TLS", "LocalDeployment", "TestSupport", nioCore, nioPosix,
        logging,
      ]),
    tests(
      "InteropTests",
      [
        "RPC", "RPCInProcess", "RPCInterop", "RPCServices", "RPCTransport", "TLS",
        "LocalDeployment", "TestSupport", .target(name: "interop-server"),
        .target(name: "interop-client"), nioCore, nioPosix, logging,
      ], exclude: ["Python"]),
    tests(
      "AbuseTests",
      [
        "CNghttp2", "CZlib", "RPC", "RPCTransport", "TLS", "LocalDeployment", "TestSupport",
        .target(name: "interop-server"), nioCore, nioPosix, logging,
      ]),
    tests("IdentityTests", ["Identity"]),
    tests("AuthTests", ["Auth", "Cryptography", "Identity", "Receipts"]),
    tests(
      "ServiceRuntimeTests",
      [
        "ServiceRuntime", "Cryptography", "Identity", "RPC", "RPCInProcess", "RPCServices",
        "Protobuf", "ServiceAPI", logging,
      ]),
    tests(
      "AuthServerTests",
      [
        "AuthServer", "Auth", "Cryptography", "Identity", "LocalDeployment", "Outbox", "Postgres",
        "Protobuf", "Receipts", "RPC", "RPCInProcess", "RPCServices", "RPCTransport",
        "ServiceAPI", "ServiceRuntime", "TLS", "TestSupport", logging, nioCore, nioPosix,
      ]),
    tests(
      "GatewayServerTests",
      [
        "GatewayServer", "Cryptography", "Identity", "Protobuf", "Providers", "RPC", "ServiceAPI",
        "ServiceRuntime", hummingbird, asyncHTTPClient, httpTypes, nioCore, nioEmbedded, nioPosix,
        logging,
      ]),
    tests(
      "IntegrationTests",
      [
        "TestSupport", "LocalDeployment", asyncHTTPClient, hummingbird, httpTypes, nioCore,
        nioPosix, .product(name: "NIOHTTP1", package: "swift-nio"),
        .target(name: "ChatelaineCLI"), .target(name: "GatewayServer"),
        .target(name: "AuthServer"), .target(name: "VaultServer"), .target(name: "AuditServer"),
      ], exclude: ["Python"]),
    tests("BrowserTests", ["TestSupport", "LocalDeployment"], exclude: ["drive_portal.py"]),
    tests("LocalDeploymentTests", ["LocalDeployment"]),
    tests(
      "PostgresTests",
      ["Postgres", "Cryptography", "LocalDeployment", "TestSupport", nioCore, nioPosix, logging]),
    tests("CryptographyTests", ["Cryptography", "CLinux"]),
    tests("ProvidersTests", ["Providers"]),
    tests("DotEnvTests", ["DotEnv", "Cryptography"]),
    tests(
      "ChatelaineCLITests",
      ["ChatelaineCLI", "Cryptography", "DotEnv", "LocalDeployment", "Providers"]),
    tests("VaultTests", ["Vault", "Cryptography", "Identity", "Providers", "Receipts"]),
    tests("AuditTests", ["Audit", "Identity"]),
    tests(
      "VaultServerTests",
      [
        "VaultServer", "Vault", "Cryptography", "Identity", "LocalDeployment", "Outbox", "Postgres",
        "Protobuf", "Receipts", "RPC", "RPCInProcess", "ServiceAPI", "ServiceRuntime",
        "TestSupport", logging, nioPosix,
      ]),
    tests(
      "AuditServerTests",
      [
        "AuditServer", "Audit", "Cryptography", "Identity", "LocalDeployment", "Postgres",
        "Protobuf", "RPC", "RPCInProcess", "ServiceAPI", "ServiceRuntime", "TestSupport", logging,
        nioPosix,
      ]),
    tests(
      "OutboxTests",
      [
        "Outbox", "Identity", "LocalDeployment", "Postgres", "Protobuf", "Receipts", "RPC",
        "RPCInProcess", "ServiceAPI", "TestSupport", logging, nioPosix,
      ]),
  ],
  swiftLanguageModes: [.v6]
)
