import NIOCore
import TestSupport

/// The provider's end of an HTTP/2 connection, frame by frame (RFC 9113), so that a test can also
/// say what no honest one would.
struct HTTP2Peer: Sendable {
  struct Frame: Sendable {
    let kind: UInt8
    let flags: UInt8
    let stream: Int
    let payload: [UInt8]

    var endsStream: Bool { kind <= Kind.headers && flags & 1 != 0 }
  }

  enum Kind {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let reset: UInt8 = 3
    static let settings: UInt8 = 4
    static let pushPromise: UInt8 = 5
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9
  }

  static let cancel: UInt8 = 8
  static let refusedStream: UInt8 = 7
  static let http11Required: UInt8 = 13
  private static let prefaceBytes = 24
  private static let headBytes = 9

  let connection: RawServer.Connection

  /// Greets the client; `settings` are identifiers with their values.
  init?(_ connection: RawServer.Connection, settings: [(UInt8, Int)] = []) async throws {
    self.connection = connection
    guard try await connection.receive(count: Self.prefaceBytes) != nil else { return nil }
    let entries = settings.flatMap { identifier, value -> [UInt8] in
      [0, identifier] + Self.number(value, bytes: 4)
    }
    try await send(Self.frame(Kind.settings, 0, entries))
  }

  // MARK: What comes

  /// The next frame but SETTINGS and WINDOW_UPDATE; nil when the client has left.
  func next() async throws -> Frame? {
    while let frame = try await nextOfAnyKind() {
      if frame.kind == Kind.settings {
        if frame.flags == 0 { try await send(Self.frame(Kind.settings, 0, flags: 1)) }
      } else if frame.kind != Kind.windowUpdate {
        return frame
      }
    }
    return nil
  }

  func nextOfAnyKind() async throws -> Frame? {
    guard let head = try await connection.receive(count: Self.headBytes) else { return nil }
    let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
    guard let payload = try await connection.receive(count: count) else { return nil }
    let stream = head[5...].reduce(0) { $0 << 8 | Int($1) }
    return Frame(kind: head[3], flags: head[4], stream: stream, payload: payload)
  }

  /// The stream of the next request, whose body may be on its way.
  func request() async throws -> Int? { try await next(Kind.headers)?.stream }

  /// The next frame of this kind.
  func next(_ kind: UInt8) async throws -> Frame? {
    while let frame = try await next() {
      if frame.kind == kind { return frame }
    }
    return nil
  }

  /// Answers every request in the same way, until the client leaves.
  func answerAll(_ answer: (HTTP2Peer, Int) async throws -> Void) async throws {
    while let stream = try await request() { try await answer(self, stream) }
  }

  // MARK: What goes

  func send(_ bytes: [UInt8]) async throws { try await connection.send(bytes) }

  func ok(_ stream: Int) async throws {
    try await send(Self.headers(stream) + Self.data(stream, "ok", ends: true))
  }

  func reset(_ stream: Int, _ code: UInt8) async throws {
    try await send(Self.frame(Kind.reset, stream, [0, 0, 0, code]))
  }

  func goAway(last stream: Int, _ code: UInt8 = 0) async throws {
    try await send(
      Self.frame(Kind.goAway, 0, Self.number(stream, bytes: 4) + [0, 0, 0, code]))
  }

  static func frame(
    _ kind: UInt8, _ stream: Int, _ payload: [UInt8] = [], flags: UInt8 = 0
  ) -> [UInt8] {
    number(payload.count, bytes: 3) + [kind, flags] + number(stream, bytes: 4) + payload
  }

  static func headers(
    _ stream: Int, _ fields: [(String, String)] = [(":status", "200")], ends: Bool = false
  ) -> [UInt8] {
    frame(Kind.headers, stream, fields.flatMap(field), flags: ends ? 0x5 : 0x4)
  }

  static func data(_ stream: Int, _ text: String, ends: Bool = false) -> [UInt8] {
    frame(Kind.data, stream, Array(text.utf8), flags: ends ? 1 : 0)
  }

  /// A literal field with a literal name (RFC 7541, 6.2.2).
  static func field(_ name: String, _ value: String) -> [UInt8] {
    [0] + text(name) + text(value)
  }

  /// A string literal, not compressed (RFC 7541, 5.2).
  private static func text(_ text: String) -> [UInt8] {
    var length: [UInt8] = []
    var rest = text.utf8.count
    if rest < 127 {
      length = [UInt8(rest)]
    } else {
      length = [127]
      rest -= 127
      while rest >= 128 {
        length.append(UInt8(rest % 128 + 128))
        rest /= 128
      }
      length.append(UInt8(rest))
    }
    return length + Array(text.utf8)
  }

  static func number(_ value: Int, bytes: Int) -> [UInt8] {
    (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
