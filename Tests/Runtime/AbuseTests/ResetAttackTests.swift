import Testing

/// Streams that are opened and reset at once cost their sender nothing and a server all the work of
/// a call.
@Suite struct ResetAttackTests {
  /// Of 40,000 streams; the budget of strangers is 1,000 at once and 33 a second.
  private static let streamsTakenMax = 4000

  /// CVE-2023-44487, before a handler has started and while it waits for messages.
  @Test(arguments: ["UnaryCall", "FullDuplexCall"], Flood.Piece.allCases)
  func rapidResetsAreCut(_ method: String, _ piece: Flood.Piece) async throws {
    let outcome = try await AttackedServer.withstands("rapid reset, \(method), \(piece) pieces") {
      server in
      let block = HeaderBytes.call(method)
      return Flood.run(on: try server.connect(), piece) { index in
        Frame.headers(Flood.stream(index), block) + Frame.reset(Flood.stream(index))
      }
    }
    #expect(outcome.isCut)
    #expect(outcome.streamsTaken <= Self.streamsTakenMax, "\(outcome)")
  }

  /// CVE-2025-8671, "MadeYouReset": the server itself resets the stream, for the peer's fault.
  enum Fault: CaseIterable, Sendable {
    case emptyWindowUpdate
    case windowOverflow
    case dependencyOnItself
    case dataAfterTheEnd
    case headersAfterTheEnd
    case wrongContentLength

    func frames(_ stream: Int) -> [UInt8] {
      let block = HeaderBytes.call("StreamingInputCall")
      switch self {
      case .emptyWindowUpdate:
        return Frame.headers(stream, block) + Frame.windowUpdate(stream, by: 0)
      case .windowOverflow:
        return Frame.headers(stream, block) + Frame.windowUpdate(stream, by: 0x7FFF_FFFF)
      case .dependencyOnItself:
        return Frame.headers(stream, block) + Frame.priority(stream, dependsOn: stream)
      case .dataAfterTheEnd:
        return Frame.headers(stream, block, ends: true) + Frame.data(stream, [0])
      case .headersAfterTheEnd:
        return Frame.headers(stream, block, ends: true) + Frame.headers(stream, block, ends: true)
      case .wrongContentLength:
        let block = HeaderBytes.call("StreamingInputCall", [("content-length", "5")])
        return Frame.headers(stream, block) + Frame.data(stream, [0, 0, 0], ends: true)
      }
    }
  }

  @Test(arguments: Fault.allCases, Flood.Piece.allCases)
  func resetsThatTheServerIsMadeToSendAreCut(_ fault: Fault, _ piece: Flood.Piece) async throws {
    let outcome = try await AttackedServer.withstands("made reset, \(fault), \(piece) pieces") {
      server in
      Flood.run(on: try server.connect(), piece) { index in
        fault.frames(Flood.stream(index))
      }
    }
    #expect(outcome.isCut)
    #expect(outcome.streamsTaken <= Self.streamsTakenMax, "\(outcome)")
  }
}
