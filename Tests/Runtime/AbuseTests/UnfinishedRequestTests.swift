import TestSupport
import Testing

/// Clients that begin what they never finish.
@Suite struct UnfinishedRequestTests {
  private static let timeout = ["--handshake_timeout_ms", "500"]
  /// Long enough for the time-out many times over; a server that cuts ends it.
  private static let bytes = 60

  /// A window of 64 KiB, what a handler took of it, and the buffers around both.
  private static let bytesPerStreamMax = 192 << 10

  struct Outcome: CustomStringConvertible, Sendable {
    let sent: Int
    let isCut: Bool

    var description: String { "\(isCut ? "cut" : "NOT CUT"), \(sent) bytes sent" }
  }

  /// Sends one byte after the other, with pauses.
  private static func dribble(_ bytes: [UInt8], on connection: AttackConnection) -> Outcome {
    var sent = 0
    while sent < bytes.count, connection.send([bytes[sent]]) {
      sent += 1
      connection.wait(for: .milliseconds(50))
    }
    return Outcome(sent: sent, isCut: connection.isCut)
  }

  /// Every beginning takes longer than it may.
  enum Beginning: CaseIterable, Sendable {
    case silence
    case preface
    case settings
    case headers
    case continuation

    var isGreeted: Bool { self == .headers || self == .continuation }

    /// What is sent in one piece.
    var opening: [UInt8] {
      switch self {
      case .silence, .preface, .headers: []
      case .settings: AttackConnection.preface
      case .continuation: Frame.encode(.headers, stream: 1, HeaderBytes.call())
      }
    }

    /// What comes a byte at a time.
    var rest: [UInt8] {
      switch self {
      case .silence: []
      case .preface: AttackConnection.preface
      case .settings: Frame.settings([Setting](repeating: .initialWindowBytes(0), count: 10))
      case .headers: Frame.headers(1, HeaderBytes.call())
      case .continuation: Frame.encode(.continuation, stream: 1, HeaderBytes.call())
      }
    }
  }

  @Test(arguments: Beginning.allCases)
  func aSlowBeginningIsCut(_ beginning: Beginning) async throws {
    let outcome = try await AttackedServer.withstands("slow \(beginning)", Self.timeout) { server in
      let connection = try server.connect(isSilent: !beginning.isGreeted)
      connection.send(beginning.opening)
      let outcome = Self.dribble(Array(beginning.rest.prefix(Self.bytes)), on: connection)
      connection.wait(for: .seconds(2))
      return Outcome(sent: outcome.sent, isCut: connection.isCut)
    }
    #expect(outcome.isCut)
  }

  /// A handshake that would be the first of a valid one.
  @Test func aSlowHandshakeIsCut() async throws {
    let certificates = try TestCertificates()
    let outcome = try await AttackedServer.withstands(
      "slow TLS handshake", Self.timeout, tls: try certificates.paths("vault")
    ) { server in
      let connection = try AttackConnection(port: server.port, isSilent: true)
      // A record of 512 bytes that begins a ClientHello.
      let hello: [UInt8] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]
      let bytes = hello + [UInt8](repeating: 0, count: Self.bytes)
      let outcome = Self.dribble(bytes, on: connection)
      connection.wait(for: .seconds(2))
      return Outcome(sent: outcome.sent, isCut: connection.isCut)
    }
    #expect(outcome.isCut)
    withExtendedLifetime(certificates) {}
  }

  @Test(arguments: [
    // Within the stream's first window, on 2,000 streams.
    (connections: 16, streams: 125, bytes: 60_000),
    // Almost as large as messages may be.
    (connections: 1, streams: 8, bytes: 4_194_000),
    (connections: 16, streams: 8, bytes: 4_194_000),
  ])
  func messagesThatNeverEndTakeLittleMemory(
    connections: Int, streams: Int, bytes: Int
  ) async throws {
    let name = "\(connections) x \(streams) messages that end before \(bytes) bytes"
    let sent = try await AttackedServer.withstands(name) { server in
      let body = Array(envelope([UInt8](repeating: 7, count: bytes)).dropLast())
      let block = HeaderBytes.call("UnaryCall")
      var uploads = try (0..<connections).map { _ in
        Upload(try server.connect())
      }
      let limit = ContinuousClock.now.advanced(by: .seconds(2))
      let numbers = (0..<streams).map(Flood.stream)
      var sent = 0
      for index in uploads.indices where ContinuousClock.now < limit {
        uploads[index].connection.send(numbers.flatMap { Frame.headers($0, block) })
        sent += uploads[index].send(body, on: numbers)
      }
      server.letHonestClientCall()
      return sent
    }
    #expect(sent > 0)
  }

  /// Handlers that can't write don't read either: what is sent to them must not pile up.
  @Test(arguments: [(connections: 16, streams: 125), (connections: 80, streams: 25)])
  func messagesToHandlersThatCannotAnswerTakeLittleMemory(
    connections: Int, streams: Int
  ) async throws {
    let name = "\(connections) x \(streams) duplex calls, nothing read, everything sent"
    let sent = try await AttackedServer.withstands(
      name,
      knownGrowth: KnownGrowth(
        reason: "a stream may have a window of requests that its handler can't take yet",
        bytesMax: connections * streams * Self.bytesPerStreamMax)
    ) { server in
      let block = HeaderBytes.call("FullDuplexCall")
      let request = envelope(Protobuf.streamingRequest(count: 10, bytes: 1000))
      let body = [[UInt8]](repeating: request, count: 64_000 / request.count).flatMap { $0 }
      var uploads = try (0..<connections).map { _ in
        Upload(try server.connect(settings: [.initialWindowBytes(0)]))
      }
      let numbers = (0..<streams).map(Flood.stream)
      let limit = ContinuousClock.now.advanced(by: .seconds(2))
      var sent = 0
      for index in uploads.indices where ContinuousClock.now < limit {
        uploads[index].connection.send(numbers.flatMap { Frame.headers($0, block) })
        sent += uploads[index].send(body, on: numbers)
      }
      server.letHonestClientCall()
      return sent
    }
    #expect(sent > 0)
  }
}
