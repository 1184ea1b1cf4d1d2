import Fuzzing
import HTTP2
import NIOCore

/// A client and a server session that talk; the input says who does what, how the bytes between
/// them are cut, and whether some of them are damaged.
@main
enum ConversationsTarget: FuzzTarget {
  static func test(_ input: inout Input) {
    var talk = Talk(windowBytes: 1 << (6 + input.choice(of: 12)))
    talk.run(&input)
  }
}

struct Talk {
  private static let stepsMax = 500
  private static let streamsMax = 64
  private static let writeBytesMask = 0x1FFF

  private let client: Party
  private let server: Party
  /// Something was changed on its way: anything may be refused then.
  private var isDamaged = false

  init(windowBytes: Int) {
    var limits = HTTP2Limits()
    limits.streamWindowBytes = windowBytes
    client = Party(.client, limits)
    server = Party(.server, limits)
  }

  mutating func run(_ input: inout Input) {
    for _ in 0..<Self.stepsMax where !input.isEmpty { step(&input) }
    settle()
    if !isDamaged { requireAgreement() }
    client.session.end()
    server.session.end()
  }

  private mutating func step(_ input: inout Input) {
    let code = input.byte()
    let party = code & 0x80 == 0 ? client : server
    switch code % 10 {
    case 0 where client.streams.count < Self.streamsMax: client.open(input.choice(of: 8))
    case 1: server.answer(input.choice(of: 256), extraFields: input.choice(of: 8))
    case 2:
      party.write(input.choice(of: 256), Int(input.integer(UInt16.self)) & Self.writeBytesMask)
    case 3: party.finish(input.choice(of: 256), hasTrailers: input.bool())
    case 4: party.reset(input.choice(of: 256))
    case 5: party.consume()
    case 6: carry(client, server, pieceBytes: Int(input.byte()) + 1, turns: input.choice(of: 64))
    case 7: carry(server, client, pieceBytes: Int(input.byte()) + 1, turns: input.choice(of: 64))
    case 8:
      guard input.byte() & 0x0F == 0 else { return party.session.ping(UInt64(input.byte())) }
      isDamaged = party.damage(at: input.byte(), with: input.byte()) || isDamaged
    default: settle()
    }
  }

  private func carry(_ from: Party, _ to: Party, pieceBytes: Int, turns: Int) {
    from.pack(mayFail: isDamaged)
    for _ in 0..<turns {
      guard let piece = from.take(pieceBytes) else { return }
      to.receive(piece, mayFail: isDamaged)
    }
  }

  /// Carries bytes both ways and reads everything until there is no more.
  private func settle() {
    var isQuiet = false
    while !isQuiet {
      isQuiet = true
      for (from, to) in [(client, server), (server, client)] {
        from.consume()
        from.pack(mayFail: isDamaged)
        while let piece = from.take(1 << 14) {
          isQuiet = false
          to.receive(piece, mayFail: isDamaged)
        }
      }
    }
  }

  /// When all is read, what one party has sent is what the other has got.
  private func requireAgreement() {
    require(!client.isBroken && !server.isBroken, "well-behaved sessions don't fail")
    for party in [client, server] where !party.hasReset {
      require(party.session.resetsByPeerFault == 0, "nobody is blamed")
    }
    for stream in client.streams {
      guard let asked = stream.attachment as? StreamFate,
        let answered = server.fates[stream.id]
      else { continue }
      require(asked.receivedBytes <= answered.sentBytes, "no byte comes from nowhere")
      require(answered.receivedBytes <= asked.sentBytes, "no byte comes from nowhere")
      guard !asked.isReset, !answered.isReset else { continue }
      require(asked.receivedBytes == answered.sentBytes, "the whole answer arrives")
      // A server that is done first may stop the client (RFC 9113, 8.1).
      guard !answered.isClosed || answered.hasEnded else { continue }
      require(answered.receivedBytes == asked.sentBytes, "the whole request arrives")
    }
  }
}
