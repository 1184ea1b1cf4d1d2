import Networking
import RPCTransport
import TestSupport
import Testing

/// Connections that say hello and then nothing.
@Suite struct IdleConnectionTests {
  /// What one may cost, TLS or not.
  private static let bytesPerConnectionMax = 40 << 10
  /// Descriptors that a process has besides its connections.
  private static let otherDescriptors = 500
  private static let connections = 10_000
  private static let tlsConnections = 1000

  struct Outcome: CustomStringConvertible, Sendable {
    let opened: Int
    let open: Int
    let bytesPerConnection: Int

    var description: String { "\(open) of \(opened) open, \(bytesPerConnection) bytes each" }
  }

  private static func hold(_ count: Int, on server: AttackedServer) throws -> Outcome {
    let before = server.memory.residentBytes
    let connections = try (0..<count).map { _ in
      try server.connect()
    }
    // The server's SETTINGS and its answer to ours: it has nothing left to do.
    for connection in connections {
      connection.wait(for: .seconds(5)) { $0.settingsAnswers == 1 }
    }
    let bytes = server.memory.residentBytes - before
    return Outcome(
      opened: count, open: connections.count { !$0.isCut && $0.heard.settingsAnswers == 1 },
      bytesPerConnection: bytes / count)
  }

  @Test func tenThousandIdleConnectionsTakeLittleMemory() async throws {
    DescriptorLimit.raise()
    let count = min(Self.connections, DescriptorLimit.current - Self.otherDescriptors)
    let outcome = try await AttackedServer.withstands(
      "\(count) idle connections", growthBytesMax: count * Self.bytesPerConnectionMax
    ) { server in
      try Self.hold(count, on: server)
    }
    #expect(outcome.open == count, "\(outcome)")
  }

  @Test func idleConnectionsWithTLSTakeLittleMemory() async throws {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("vault")
    let count = Self.tlsConnections
    let outcome = try await AttackedServer.withstands(
      "\(count) idle TLS connections", tls: paths,
      growthBytesMax: count * Self.bytesPerConnectionMax
    ) { server in
      try Self.hold(count, on: server)
    }
    #expect(outcome.open == count, "\(outcome)")
    withExtendedLifetime(certificates) {}
  }
}
