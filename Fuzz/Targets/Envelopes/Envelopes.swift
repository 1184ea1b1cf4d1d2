import Fuzzing
import NIOCore
import RPC

/// Feeds a stream of messages to `EnvelopeReader` in pieces, as they might arrive.
@main
enum EnvelopesTarget: FuzzTarget {
  static func test(_ input: inout Input) {
    let stream = EnvelopeStream(taking: &input)
    let whole = stream.read(reserves: false, pieces: Pieces(stream.bytes, sizes: []))
    let cut = stream.read(reserves: true, pieces: Pieces(stream.bytes, sizes: stream.pieceSizes))
    require(whole == cut, "the same messages, however the bytes were cut")
    for message in whole.messages { RoundTrip.check(message) }
  }
}

/// What a peer sends and what it is allowed to.
private struct EnvelopeStream {
  private static let limits = [0, 1, 64, 4 << 10, 64 << 10]
  /// `ByteBuffer` grows by doubling and zlib's output by chunks.
  private static let slackBytes = 64 << 10

  let encoding: MessageEncoding
  let messageBytesMax: Int
  let pieceSizes: [UInt8]
  let bytes: [UInt8]

  /// What a reader made of the stream.
  struct Outcome: Equatable {
    var messages: [ByteBuffer] = []
    var failure: RPCError.Code?
  }

  init(taking input: inout Input) {
    encoding = input.bool() ? .gzip : .identity
    messageBytesMax = Self.limits[input.choice(of: Self.limits.count)]
    pieceSizes = input.bytes(3)
    bytes = input.remaining()
  }

  func read(reserves: Bool, pieces: Pieces) -> Outcome {
    var reader = EnvelopeReader(messageBytesMax: messageBytesMax, encoding: encoding)
    var outcome = Outcome()
    var fedBytes = 0
    do throws(RPCError) {
      for piece in pieces {
        fedBytes += piece.readableBytes
        reader.append(piece)
        while let message = try reader.next() {
          check(message)
          outcome.messages.append(message.bytes)
        }
        require(reader.bufferedBytes <= fedBytes, "no more waits than has come")
        if let expected = try reader.expectedBytes {
          require(
            expected > reader.bufferedBytes && expected <= messageBytesMax + Envelope.prefixBytes,
            "what is expected is still to come and within the limit")
          if reserves { reader.reserve(expected) }
        } else {
          require(reader.bufferedBytes < Envelope.prefixBytes, "only a prefix has no known length")
        }
      }
    } catch {
      outcome.failure = error.code
    }
    return outcome
  }

  private func check(_ message: ReceivedMessage) {
    require(message.bytes.readableBytes <= messageBytesMax, "a message is within the limit")
    require(!message.isCompressed || encoding == .gzip, "only a named encoding is used")
    require(
      !message.isCompressed
        || message.bytes.storageCapacity <= 2 * messageBytesMax + Self.slackBytes,
      "decompression takes little more memory than the limit")
  }
}

/// What is sealed comes back.
private enum RoundTrip {
  static func check(_ message: ByteBuffer) {
    require(read(Envelope.seal(message)) == message, "a sealed message is read back")
    var inPlace = Envelope.messageBuffer()
    inPlace.writeImmutableBuffer(message)
    require(read(Envelope.seal(inPlace)) == message, "so is one that was packed in place")
    let compressed = requireNoError("a message can be compressed") {
      try Envelope.sealCompressed(message)
    }
    require(read(compressed) == message, "so is a compressed one")
  }

  private static func read(_ sealed: ByteBuffer) -> ByteBuffer? {
    var reader = EnvelopeReader(messageBytesMax: sealed.readableBytes << 12, encoding: .gzip)
    reader.append(sealed)
    let message = requireNoError("what we sent is well-formed") { try reader.next() }
    require(reader.bufferedBytes == 0, "nothing is left over")
    return message?.bytes
  }
}
