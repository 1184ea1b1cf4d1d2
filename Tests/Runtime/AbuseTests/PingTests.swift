import Testing

/// Who pings for a reason and who doesn't (gRPC, "Client-side keepalive": `too_many_pings`).
@Suite struct PingTests {
  private static let enhanceYourCalm = 11

  struct Outcome: Sendable {
    let pings: Int
    let isAnswered: Bool
    let goAwayCode: Int?
  }

  /// grpc-go estimates the bandwidth so: one PING per round trip for as long as it reads DATA,
  /// behind the WINDOW_UPDATE for what it has read.
  @Test(arguments: [700_000, 1_000_000])
  func probesOfAReaderOfALargeAnswerAreWelcome(_ bytes: Int) async throws {
    let outcome = try await AttackedServer.withstands("probes while reading \(bytes)") { server in
      let connection = try server.connect()
      connection.send(
        Frame.headers(1, HeaderBytes.call("UnaryCall"))
          + Frame.data(1, envelope(Protobuf.simpleRequest(responseBytes: bytes)), ends: true))
      var (read, pings) = (0, 0)
      while !connection.heard.isOver(1), !connection.isCut {
        guard connection.wait(for: .seconds(5), until: { $0.bodyBytes > read || $0.isOver(1) })
        else { break }
        let fresh = connection.heard.bodyBytes - read
        read += fresh
        guard fresh > 0 else { break }
        pings += 1
        connection.send(
          Frame.windowUpdate(0, by: fresh) + Frame.windowUpdate(1, by: fresh) + Frame.ping(pings))
        connection.wait(for: .seconds(5)) { $0.pingAnswers == pings }
      }
      return Outcome(
        pings: pings, isAnswered: connection.heard.grpcStatus(1) == 0,
        goAwayCode: connection.heard.goAway?.code)
    }
    #expect(outcome.pings > 3)
    #expect(outcome.isAnswered, "\(outcome)")
    #expect(outcome.goAwayCode == nil)
  }

  @Test func anIdleClientThatPingsTooOftenIsCut() async throws {
    let outcome = try await AttackedServer.withstands("pings without a call") { server in
      let connection = try server.connect()
      var pings = 0
      while !connection.isCut, pings < 10 {
        pings += 1
        connection.send(Frame.ping(pings))
        connection.wait(for: .seconds(5)) { $0.pingAnswers == pings }
      }
      return Outcome(pings: pings, isAnswered: false, goAwayCode: connection.heard.goAway?.code)
    }
    // One that may come at any time and two strikes.
    #expect(outcome.pings == 4)
    #expect(outcome.goAwayCode == Self.enhanceYourCalm)
  }
}
