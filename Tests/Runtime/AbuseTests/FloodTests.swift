import Testing

/// Frames that ask for nothing, sent without end: each costs the server a little and its sender
/// less.
@Suite struct FloodTests {
  enum Kind: CaseIterable, Sendable {
    case ping
    case pingAnswer
    case settings
    case priority
    case emptyData
    case paddedData
    case windowUpdate
    case streamWindowUpdate
    case unassigned
    case continuation
    case emptyContinuation

    /// What comes once, first.
    var opening: [UInt8] {
      switch self {
      case .emptyData, .paddedData, .streamWindowUpdate:
        Frame.headers(1, HeaderBytes.call("StreamingInputCall"))
      case .continuation, .emptyContinuation:
        Frame.encode(.headers, stream: 1, HeaderBytes.call())
      default: []
      }
    }

    var frame: [UInt8] {
      switch self {
      case .ping: Frame.ping()
      case .pingAnswer: Frame.ping(flags: Frame.acknowledgement)
      case .settings: Frame.settings()
      case .priority: Frame.priority(1, dependsOn: 3)
      case .emptyData: Frame.data(1)
      case .paddedData: Frame.encode(.data, flags: 0x8, stream: 1, [3, 0, 0, 0])
      case .windowUpdate: Frame.windowUpdate(0, by: 1)
      case .streamWindowUpdate: Frame.windowUpdate(1, by: 1)
      case .unassigned: Frame.encode(.unassigned)
      case .continuation: Frame.encode(.continuation, stream: 1, HeaderBytes.literal("a", "b"))
      case .emptyContinuation: Frame.encode(.continuation, stream: 1)
      }
    }
  }

  @Test(arguments: Kind.allCases, Flood.Piece.allCases)
  func framesThatAskForNothingAreCut(_ kind: Kind, _ piece: Flood.Piece) async throws {
    let outcome = try await AttackedServer.withstands("\(kind) flood, \(piece) pieces") { server in
      let connection = try server.connect()
      connection.send(kind.opening)
      let frame = kind.frame
      return Flood.run(on: connection, piece) { _ in frame }
    }
    #expect(outcome.isCut)
    #expect(outcome.sent < Flood.repetitions, "\(outcome)")
  }

  /// A sender that never reads must not make the answers pile up.
  @Test func pingsWhoseAnswersNobodyReadsAreCut() async throws {
    let outcome = try await AttackedServer.withstands("ping flood without reading") { server in
      let connection = try server.connect()
      let piece = [[UInt8]](repeating: Frame.ping(), count: 1000).flatMap { $0 }
      var sent = 0
      // The server may hang up while much of this is still on its way.
      while sent < 1_000_000, connection.send(piece, reads: false) { sent += 1000 }
      connection.wait(for: .seconds(5))
      return Flood.Outcome(sent: sent, isCut: connection.isCut, heard: connection.heard)
    }
    #expect(outcome.isCut)
    #expect(outcome.heard.pingAnswers < outcome.sent)
  }
}
