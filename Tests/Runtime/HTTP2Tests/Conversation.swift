import HTTP2
import NIOCore

/// A client and a server session whose bytes are carried from one to the other by hand.
final class Conversation {
  let client: HTTP2Session
  let server: HTTP2Session
  var clientEvents: [HTTP2Event] = []
  var serverEvents: [HTTP2Event] = []

  init(
    client clientLimits: HTTP2Limits = HTTP2Limits(),
    server serverLimits: HTTP2Limits = HTTP2Limits()
  ) throws {
    client = try HTTP2Session(.client, clientLimits)
    server = try HTTP2Session(.server, serverLimits)
    try settle()
    clientEvents = []
    serverEvents = []
  }

  /// Carries bytes both ways until there are none.
  func settle() throws {
    while try pass(client, to: server) || pass(server, to: client) {}
  }

  private func pass(_ from: HTTP2Session, to: HTTP2Session) throws -> Bool {
    defer { takeEvents() }
    try from.drain()
    let bytes = from.output
    from.output = ByteBuffer()
    guard bytes.readableBytes > 0 else { return false }
    try to.receive(bytes)
    return true
  }

  func takeEvents() {
    clientEvents += client.takeEvents()
    serverEvents += server.takeEvents()
  }

  static func request(_ extra: [(String, String)] = []) -> HeaderFields {
    var fields = HeaderFields()
    for (name, value) in [
      (":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/a"),
    ] + extra {
      fields.append(name, value)
    }
    return fields
  }

  static let ok = FixedHeaderFields([(":status", "200")])

  /// The server's side of the one stream that a test opened.
  func accepted() throws -> HTTP2Stream {
    for case .header(let stream, _, _) in serverEvents { return stream }
    throw HTTP2Error.closed
  }
}

/// What an event is, in words that a transcript can be compared with.
func words(_ events: [HTTP2Event]) -> [String] {
  events.map { event in
    switch event {
    case .header(let stream, let block, let end):
      "header \(stream.id) \(block[":path"] ?? block[":status"] ?? "")\(end ? " end" : "")"
    case .interim(let stream, let block): "interim \(stream.id) \(block[":status"] ?? "")"
    case .data(let stream, let bytes): "data \(stream.id) \(String(buffer: bytes))"
    case .trailer(let stream, let block): "trailer \(stream.id) \(block["grpc-status"] ?? "")"
    case .endOfStream(let stream): "end \(stream.id)"
    case .closed(let stream, let code): "closed \(stream.id) \(code.rawValue)"
    case .drained(let stream): "drained \(stream.id)"
    case .settings: "settings"
    case .ping: "ping"
    case .pingAcknowledged(let payload): "pong \(payload)"
    case .goAway(let last, let code, _): "goaway \(last) \(code.rawValue)"
    }
  }
}

extension HTTP2Session {
  /// All that has happened since.
  func takeEvents() -> [HTTP2Event] {
    Array(AnyIterator { self.nextEvent() })
  }
}
