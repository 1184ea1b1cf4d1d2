internal import Fuzzing
internal import HTTP2
internal import NIOCore

/// Bytes that need not be frames, from the first one on.
enum RawBytes {
  static func check(_ role: HTTP2Session.Role, _ limits: HTTP2Limits, _ input: inout Input) {
    let habits = input.byte()
    let sizes = input.bytes(3)
    let bytes = input.remaining()
    let whole = Transcript(role, limits, Pieces(bytes, sizes: []))
    let cut = Transcript(role, limits, Pieces(bytes, sizes: sizes))
    require(whole == cut, "the same events, however the bytes were cut: \(whole) \(cut)")

    let owner = Owner(role, limits, habits: habits)
    for piece in Pieces(bytes, sizes: sizes) { owner.receive(piece) }
    owner.drain()
    owner.end()
  }
}

/// What a session said of bytes while its owner did nothing.
private struct Transcript: Equatable {
  private var lines: [String] = []

  init(_ role: HTTP2Session.Role, _ limits: HTTP2Limits, _ pieces: Pieces) {
    let session = requireNoError("a session can be made") { try HTTP2Session(role, limits) }
    var bodies: [Int32: [UInt8]] = [:]
    for piece in pieces {
      var events: [HTTP2Event] = []
      let error: HTTP2Error?
      do throws(HTTP2Error) {
        try session.receive(piece, events: &events)
        error = nil
      } catch let failure {
        error = failure
      }
      session.note(events)
      for event in events { add(event, &bodies) }
      if let error {
        lines.append("\(error)")
        break
      }
    }
    // Where DATA was cut is nobody's business.
    for (id, body) in bodies.sorted(by: { $0.key < $1.key }) { lines.append("body \(id) \(body)") }
    session.end()
  }

  private mutating func add(_ event: HTTP2Event, _ bodies: inout [Int32: [UInt8]]) {
    switch event {
    case .header(let stream, let block, let endOfStream):
      lines.append("header \(stream.id) \(endOfStream) \(Self.words(block))")
    case .data(let stream, let bytes):
      bodies[stream.id, default: []] += bytes.readableBytesView
    case .trailer(let stream, let block):
      lines.append("trailer \(stream.id) \(Self.words(block))")
    case .endOfStream(let stream): lines.append("end \(stream.id)")
    case .closed(let stream, let code): lines.append("closed \(stream.id) \(code.rawValue)")
    case .goAway(let last, let code, let reason):
      lines.append("goaway \(last) \(code.rawValue) \(reason)")
    case .pingAcknowledged(let payload): lines.append("pong \(payload)")
    case .settings: lines.append("settings")
    default: lines.append("other")
    }
  }

  private static func words(_ block: HeaderBlock) -> String {
    var text = block.isTooLarge ? "too large" : ""
    block.forEach { name, value in text += " \(Array(name))=\(Array(value))" }
    return text
  }
}
