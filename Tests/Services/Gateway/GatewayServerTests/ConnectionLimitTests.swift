import Logging
import Testing

@testable import GatewayServer

/// Whoever comes while the gateway has as many connections as it may waits in the kernel's queue.
@Suite(.timeLimit(.minutes(1))) struct ConnectionLimitTests {
  private static let get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

  @Test func oneConnectionTooManyIsServedWhenAnotherEnds() async throws {
    let lines = LogLines()
    var logger = lines.logger
    // Of a probe that is answered nothing is said above it.
    logger.logLevel = .debug
    try await TestGateway.run(connectionsMax: 2, logger: logger) { gateway in
      try await gateway.connect { stays in
        try await stays.send(Self.get)
        #expect(try await stays.answer().status == 200)
        let (waits, waiting) = AsyncStream.makeStream(of: Void.self)
        let third = try await gateway.connect { leaves in
          try await leaves.send(Self.get)
          #expect(try await leaves.answer().status == 200)
          let third = Task {
            try await gateway.connect { late in
              try await late.send(Self.get)
              waiting.finish()
              return try await late.answer().status
            }
          }
          _ = await waits.first { _ in true }
          // The gateway serves, but not the third.
          for connection in [stays, leaves] {
            try await connection.send(Self.get)
            #expect(try await connection.answer().status == 200)
          }
          #expect(lines.all.count { $0.message == "request" } == 4)
          #expect(lines.all.contains { $0.text("connectionsMax") == "2" })
          return third
        }
        #expect(try await third.value == 200)
        try await stays.send(Self.get)
        #expect(try await stays.answer().status == 200)
      }
    }
  }
}
