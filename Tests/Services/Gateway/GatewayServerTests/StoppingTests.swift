import NIOHTTP1
import ServiceRuntime
import Testing

@testable import GatewayServer

/// A gateway that has been told to stop serves on until load balancers have noticed.
@Suite(.timeLimit(.minutes(1))) struct StoppingTests {
  @Test func whoeverStopsAnswersAndSendsClientsElsewhere() async throws {
    let notice = ShutdownNotice()
    try await TestGateway.run(shutdownNotice: notice) { gateway in
      try await gateway.connect { connection in
        try await connection.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await connection.answer()["connection"] == nil)
        #expect(notice.begin())
        try await connection.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = try await connection.answer()
        #expect(answer.status == 200)
        #expect(answer["connection"] == "close")
        #expect(try await connection.rest() == "")
      }
    }
  }

  @Test func whoeverStopsIsNotReady() async throws {
    let notice = ShutdownNotice()
    try await TestGateway.run(shutdownNotice: notice) { gateway in
      #expect(try await gateway.send(.GET, "/readyz").status == 200)
      #expect(notice.begin())
      let answer = try await gateway.send(.GET, "/readyz")
      #expect(answer.status == 503)
      #expect(answer.body.contains(#""status":"stopping""#))
    }
  }
}
