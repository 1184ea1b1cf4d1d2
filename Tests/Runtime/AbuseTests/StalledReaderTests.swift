import Foundation
import Testing

/// Clients that ask for much and don't read it.
@Suite struct StalledReaderTests {
  /// 2,000 streams, on few connections and on many.
  private static let spreads = [(connections: 16, streams: 125), (connections: 80, streams: 25)]
  private static let streams = 125
  private static let patience: Duration = .milliseconds(500)

  struct Outcome: CustomStringConvertible, Sendable {
    let asked: Int
    let answered: Int
    let refused: Int
    let cut: Int

    init(_ connections: [AttackConnection], streams: Int) {
      asked = connections.count * streams
      answered = connections.reduce(0) { $0 + $1.heard.fields.count }
      refused = connections.reduce(0) { $0 + $1.heard.resets.count }
      cut = connections.count { $0.isCut }
    }

    var description: String {
      "\(asked) asked, \(answered) answers begun, \(refused) streams reset, \(cut) connections cut"
    }
  }

  enum Stall: CaseIterable, Sendable {
    /// INITIAL_WINDOW_SIZE is 0: nothing of a body may leave.
    case streamWindows
    /// Streams may send, but the connection's first 64 KiB are never given back.
    case connectionWindow

    var setting: Setting {
      .initialWindowBytes(self == .streamWindows ? 0 : 0x7FFF_FFFF)
    }
  }

  enum Answers: CaseIterable, Sendable {
    case unary64KiB
    case unary1MiB
    case streamed

    func request(_ stream: Int) -> [UInt8] {
      let (method, request) =
        switch self {
        case .unary64KiB: ("UnaryCall", Protobuf.simpleRequest(responseBytes: 64 << 10))
        case .unary1MiB: ("UnaryCall", Protobuf.simpleRequest(responseBytes: 1 << 20))
        case .streamed:
          ("StreamingOutputCall", Protobuf.streamingRequest(count: 100, bytes: 64 << 10))
        }
      return Frame.headers(stream, HeaderBytes.call(method))
        + Frame.data(stream, envelope(request), ends: true)
    }
  }

  /// A connection may have one finished answer that is held, however large it is.
  private static func growthBytesMax(_ answers: Answers, _ connections: Int) -> Int {
    answers == .unary1MiB
      ? AttackedServer.growthBytesMax + connections << 20 : AttackedServer.growthBytesMax
  }

  private static func knownGrowth(_ answers: Answers, _ connections: Int) -> KnownGrowth? {
    if answers == .unary64KiB, connections == spreads[0].connections { return nil }
    let bytesPerConnection =
      switch answers {
      case .unary64KiB: 512 << 10
      case .unary1MiB: 3 << 20
      case .streamed: 1 << 20
      }
    return KnownGrowth(
      reason: "each connection may have an answer that waits and what one handler prepared",
      bytesMax: AttackedServer.growthBytesMax + connections * bytesPerConnection)
  }

  @Test(arguments: Stall.allCases, Answers.allCases)
  func answersThatNobodyReadsTakeLittleMemory(_ stall: Stall, _ answers: Answers) async throws {
    for (connections, streams) in Self.spreads {
      let outcome = try await AttackedServer.withstands(
        "\(connections) x \(streams) x \(answers), stalled \(stall)",
        growthBytesMax: Self.growthBytesMax(answers, connections),
        knownGrowth: Self.knownGrowth(answers, connections)
      ) { server in
        let opened = try (0..<connections).map { _ in
          try server.connect(settings: [stall.setting])
        }
        for connection in opened {
          connection.send((0..<streams).flatMap { answers.request(Flood.stream($0)) })
        }
        opened.first?.wait(for: Self.patience)
        server.letHonestClientCall()
        for connection in opened { connection.read() }
        return Outcome(opened, streams: streams)
      }
      #expect(outcome.asked == 2000)
    }
  }

  /// The windows are wide open, but the socket is read a little at a time.
  @Test(arguments: Answers.allCases)
  func aSlowReaderTakesLittleMemory(_ answers: Answers) async throws {
    let outcome = try await AttackedServer.withstands("slow reader of 125 x \(answers)") { server in
      let connection = try server.connect(settings: [.initialWindowBytes(0x7FFF_FFFF)])
      connection.send(
        Frame.windowUpdate(0, by: 0x7FFF_0000)
          + (0..<Self.streams).flatMap { answers.request(Flood.stream($0)) }, reads: false)
      for _ in 0..<100 {
        connection.read(bytesMax: 1000)
        Thread.sleep(forTimeInterval: 0.01)
      }
      server.letHonestClientCall()
      return Outcome([connection], streams: Self.streams)
    }
    #expect(outcome.asked == Self.streams)
  }
}
