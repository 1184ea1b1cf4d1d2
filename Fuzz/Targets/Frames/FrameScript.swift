import Fuzzing
import HTTP2

/// Frames in any order, each mostly well-formed, between things that the owner does.
struct FrameScript {
  private static let stepsMax = 400
  private static let sentBytesMax = 1 << 20
  private static let fieldSets: [[(String, String)]] = [
    [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/a.B/C")],
    [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/")],
    [(":status", "200")], [(":status", "100")], [("grpc-status", "0")], [],
  ]

  private let owner: Owner
  private var nextStream: UInt32 = 1
  private var last: [UInt8] = []
  private var sentBytes = 0

  static func run(_ role: HTTP2Session.Role, _ limits: HTTP2Limits, _ input: inout Input) {
    var script = FrameScript(owner: Owner(role, limits, habits: input.byte()))
    script.send((role == .server ? Frame.preface : []) + Frame.make(.settings))
    for _ in 0..<stepsMax where !input.isEmpty && !script.owner.isOver { script.step(&input) }
    script.owner.drain()
    script.owner.end()
  }

  private mutating func send(_ bytes: [UInt8]) {
    guard sentBytes + bytes.count <= Self.sentBytesMax else { return }
    sentBytes += bytes.count
    last = bytes
    owner.receive(bytes)
  }

  private mutating func step(_ input: inout Input) {
    let stepCode = input.byte()
    guard stepCode & 0x80 == 0 else { return ownerStep(stepCode, &input) }
    switch stepCode % 12 {
    case 0:
      send(
        Frame.make(input.byte(), flags: input.byte(), stream: stream(&input), input.shortBytes()))
    case 1: sendHeaders(&input)
    case 2: sendData(&input)
    case 3:
      let increment = input.bool() ? input.integer(UInt32.self) : UInt32(input.byte())
      send(
        Frame.make(.windowUpdate, stream: windowStream(&input), Frame.bigEndian(increment)))
    case 4:
      let entries = (0..<input.choice(of: 8)).flatMap { _ in
        Frame.bigEndian(UInt16(input.byte())) + Frame.bigEndian(input.integer(UInt32.self))
      }
      send(Frame.make(.settings, entries))
    case 5:
      let code = UInt32(input.byte())
      send(Frame.make(.resetStream, stream: stream(&input), Frame.bigEndian(code)))
    case 6: send(Frame.make(.ping, flags: input.byte() & 1, [UInt8](repeating: 7, count: 8)))
    case 7:
      let lastStream = UInt32(input.byte())
      send(
        Frame.make(
          .goAway,
          Frame.bigEndian(lastStream) + Frame.bigEndian(UInt32(input.byte())) + input.shortBytes())
      )
    case 8:
      let times = Int(input.byte())
      let repeated = last
      for _ in 0..<times where !owner.isOver { send(repeated) }
    case 9: send(input.shortBytes())
    case 10: send(Frame.make(.settings, flags: 1))
    default:
      send(Frame.make(.priority, stream: stream(&input), input.bytes(5)))
    }
  }

  /// A new stream, one of the first eight, or any.
  private mutating func stream(_ input: inout Input) -> UInt32 {
    let code = input.byte()
    switch code {
    case 0..<0x10: return UInt32(code)
    case 0xFF: return input.integer(UInt32.self)
    default:
      nextStream += 2
      return nextStream - 2
    }
  }

  private mutating func windowStream(_ input: inout Input) -> UInt32 {
    UInt32(input.byte() & 0x0F)
  }

  private mutating func sendHeaders(_ input: inout Input) {
    let shape = input.byte()
    var block: [UInt8] = []
    for (name, value) in Self.fieldSets[input.choice(of: Self.fieldSets.count)] {
      block += Frame.literal(name, value)
    }
    if shape & 2 != 0 { block += Frame.literal(input.shortBytes(), input.shortBytes()) }
    if shape & 4 != 0 { block += input.shortBytes() }
    let stream = stream(&input)
    let end = shape & 1 == 0 ? 0 : Frame.endStream
    guard shape & 8 != 0 else {
      return send(Frame.make(.headers, flags: end | Frame.endHeaders, stream: stream, block))
    }
    let cut = Int(input.byte()) % (block.count + 1)
    let empty = (0..<input.choice(of: 12)).flatMap { _ in
      Frame.make(.continuation, stream: stream)
    }
    send(
      Frame.make(.headers, flags: end, stream: stream, Array(block[..<cut])) + empty
        + Frame.make(
          .continuation, flags: Frame.endHeaders, stream: stream, Array(block[cut...])))
  }

  private mutating func sendData(_ input: inout Input) {
    let flags = input.byte() & (Frame.endStream | Frame.padded)
    let size = Int(input.integer(UInt16.self)) & 0x3FFF
    send(
      Frame.make(
        .data, flags: flags, stream: stream(&input), [UInt8](repeating: input.byte(), count: size)))
  }

  private func ownerStep(_ code: UInt8, _ input: inout Input) {
    switch code % 16 {
    case 0: owner.drain()
    case 1: owner.session.ping(1)
    case 2: owner.session.announceShutdown()
    case 3: owner.session.goAway(.noError)
    case 4: owner.session.terminate(.enhanceYourCalm)
    case 5: if owner.session.role == .client { owner.request() }
    default:
      guard !owner.recent.isEmpty else { return }
      let stream = owner.recent[input.choice(of: owner.recent.count)]
      switch code % 16 {
      case 6, 7: owner.respond(stream, endOfStream: code % 16 == 6)
      case 8: owner.write(stream, Int(input.integer(UInt16.self)))
      case 9: owner.finish(stream, hasTrailers: true)
      case 10: owner.finish(stream, hasTrailers: false)
      case 11: owner.reset(stream)
      default: owner.consumeOwed(stream)
      }
    }
  }
}
