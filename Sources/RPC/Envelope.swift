package import NIOCore

/// The length-prefixed frame of a gRPC message: one byte of flags, four of length, the message.
package enum Envelope {
  package static let prefixBytes = 5
  /// Enough for most answers without growing.
  private static let initialBytes = 256

  /// An empty buffer with room for the prefix in front of its readable bytes, so that `seal` need
  /// not copy what is packed into it.
  package static func messageBuffer() -> ByteBuffer {
    var buffer = ByteBufferAllocator().buffer(capacity: initialBytes)
    buffer.moveWriterIndex(to: prefixBytes)
    buffer.moveReaderIndex(to: prefixBytes)
    return buffer
  }

  /// Puts the prefix in front of a message.
  package static func seal(_ message: consuming ByteBuffer) -> ByteBuffer {
    let count = message.readableBytes
    guard message.readerIndex >= prefixBytes else {
      var sealed = ByteBufferAllocator().buffer(capacity: prefixBytes + count)
      sealed.writeInteger(UInt8(0))
      sealed.writeInteger(UInt32(truncatingIfNeeded: count))
      sealed.writeBuffer(&message)
      return sealed
    }
    let start = message.readerIndex - prefixBytes
    message.setInteger(UInt8(0), at: start)
    message.setInteger(UInt32(truncatingIfNeeded: count), at: start + 1)
    message.moveReaderIndex(to: start)
    return message
  }
}

/// Takes the bytes of a stream and gives back its messages.
package struct EnvelopeReader {
  private let messageBytesMax: Int
  private var buffer = ByteBuffer()

  package init(messageBytesMax: Int) {
    self.messageBytesMax = messageBytesMax
  }

  /// Bytes of prefix and message that have arrived and were not taken by `next`.
  package var bufferedBytes: Int { buffer.readableBytes }

  /// How long the message under way is, its prefix included; nil before the prefix is complete.
  ///
  /// Throws RESOURCE_EXHAUSTED for a message over the limit as soon as its length is known.
  package var expectedBytes: Int? {
    get throws(RPCError) {
      guard let flags = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self),
        let count = buffer.getInteger(at: buffer.readerIndex + 1, as: UInt32.self)
      else { return nil }
      // Compression was not agreed on: no message may say that it is compressed.
      guard flags == 0 else {
        throw RPCError(.internal, "a message is compressed, but no grpc-encoding was named")
      }
      guard count <= messageBytesMax else {
        throw RPCError(
          .resourceExhausted,
          "the message has \(count) bytes; at most \(messageBytesMax) are accepted")
      }
      return Envelope.prefixBytes + Int(count)
    }
  }

  package mutating func append(_ bytes: ByteBuffer) {
    if buffer.readableBytes == 0 {
      buffer = bytes
    } else {
      var bytes = bytes
      buffer.writeBuffer(&bytes)
    }
  }

  /// Makes room for the whole message under way at once, when its sender has been given leave.
  package mutating func reserve(_ byteCount: Int) {
    buffer.reserveCapacity(minimumWritableBytes: max(0, byteCount - buffer.readableBytes))
  }

  /// The next complete message, if there is one.
  package mutating func next() throws(RPCError) -> ByteBuffer? {
    guard let expected = try expectedBytes, buffer.readableBytes >= expected else { return nil }
    buffer.moveReaderIndex(forwardBy: Envelope.prefixBytes)
    return buffer.readSlice(length: expected - Envelope.prefixBytes)
  }
}
