import Fuzzing
import HTTP2
import NIOCore

/// Bytes that need not be frames, from the first one on.
enum RawBytes {
  static func check(_ role: HTTP2Session.Role, _ limits: HTTP2Limits, _ input: inout Input) {
    let habits = input.byte()
    let sizes = input.bytes(3)
    let bytes = input.remaining()
    let whole = Transcript(role, limits, Pieces(bytes, sizes: []))
    let cut = Transcript(role, limits, Pieces(bytes, sizes: sizes))
    // nghttp2 reads on to the end of a piece when it has given up; and a server's session looks for
    // frames on streams that were passed over only between pieces.
    let hasGivenUp = whole.hasGivenUp || cut.hasGivenUp
    let isSame = hasGivenUp ? whole.text.starts(with: cut.text) : whole == cut
    require(isSame, "the same events, however the bytes were cut: \(whole) \(cut)")

    let owner = Owner(role, limits, habits: habits)
    for piece in Pieces(bytes, sizes: sizes) { owner.receive(piece) }
    owner.drain()
    owner.end()
  }
}

/// What a session said of bytes while its owner did nothing.
private struct Transcript: Equatable {
  private(set) var text = ""
  /// The session's last word was a GOAWAY.
  private(set) var hasGivenUp = false
  /// The stream whose body is being written down: where DATA was cut is nobody's business.
  private var bodyOf: Int32?

  init(_ role: HTTP2Session.Role, _ limits: HTTP2Limits, _ pieces: Pieces) {
    let session = requireNoError("a session can be made") { try HTTP2Session(role, limits) }
    for piece in pieces {
      let error: HTTP2Error?
      do throws(HTTP2Error) {
        try session.receive(piece)
        error = nil
      } catch let failure {
        error = failure
      }
      let events = session.takeEvents()
      session.note(events)
      for event in events { add(event) }
      guard let error else { continue }
      text += "\n\(error)"
      break
    }
    try? session.drain()
    hasGivenUp = Frame.kinds(Array(session.output.readableBytesView)).last == .goAway
    session.note(session.takeEvents())
    session.end()
  }

  private mutating func add(_ event: HTTP2Event) {
    if case .data(let stream, let bytes) = event {
      if bodyOf != stream.id { text += "\ndata \(stream.id)" }
      bodyOf = stream.id
      for byte in bytes.readableBytesView { text += " \(byte)" }
      return
    }
    bodyOf = nil
    text += "\n" + Self.words(event)
  }

  private static func words(_ event: HTTP2Event) -> String {
    switch event {
    case .header(let stream, let block, let endOfStream):
      "header \(stream.id) \(endOfStream) \(words(block))"
    case .trailer(let stream, let block): "trailer \(stream.id) \(words(block))"
    case .endOfStream(let stream): "end \(stream.id)"
    case .closed(let stream, let code): "closed \(stream.id) \(code.rawValue)"
    case .goAway(let last, let code, let reason): "goaway \(last) \(code.rawValue) \(reason)"
    case .pingAcknowledged(let payload): "pong \(payload)"
    case .settings: "settings"
    default: "other"
    }
  }

  private static func words(_ block: HeaderBlock) -> String {
    var text = block.isTooLarge ? "too large" : ""
    block.forEach { name, value in text += " \(Array(name))=\(Array(value))" }
    return text
  }
}
