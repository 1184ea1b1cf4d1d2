package import NIOCore

/// The length-prefixed frame of a gRPC message: one byte of flags, four of length, the message.
package enum Envelope {
  package static var prefixBytes: Int { 5 }
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

  /// The message in `bytes` when they are one whole envelope, uncompressed and within the limit:
  /// most requests are. Nil says nothing; `EnvelopeReader` knows what is wrong or missing.
  package static func message(of bytes: ByteBuffer, messageBytesMax: Int) -> ByteBuffer? {
    let isWhole = bytes.withUnsafeReadableBytes { bytes in
      guard bytes.count >= prefixBytes, bytes[0] == 0 else { return false }
      let count = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self)))
      return count == bytes.count - prefixBytes && count <= messageBytesMax
    }
    guard isWhole else { return nil }
    var message = bytes
    message.moveReaderIndex(forwardBy: prefixBytes)
    return message
  }

  /// The flag of a compressed message; the other seven bits are zero.
  static let compressedFlag: UInt8 = 1

  /// Compresses a message and puts the prefix in front of it.
  package static func sealCompressed(_ message: ByteBuffer) throws(RPCError) -> ByteBuffer {
    seal(try Gzip.compress(message), flags: compressedFlag)
  }

  /// Puts the prefix in front of a message.
  package static func seal(_ message: consuming ByteBuffer) -> ByteBuffer {
    seal(message, flags: 0)
  }

  /// The first five bytes as a number.
  private static func prefix(of envelope: ByteBuffer) -> UInt64 {
    envelope.withUnsafeReadableBytes { bytes in
      let count = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
      return prefix(flags: bytes[0], byteCount: Int(count))
    }
  }

  private static func prefix(flags: UInt8, byteCount: Int) -> UInt64 {
    UInt64(flags) << 32 | UInt64(UInt32(truncatingIfNeeded: byteCount))
  }

  private static func seal(_ message: consuming ByteBuffer, flags: UInt8) -> ByteBuffer {
    let count = message.readableBytes
    guard message.readerIndex >= prefixBytes else {
      var sealed = ByteBufferAllocator().buffer(capacity: prefixBytes + count)
      sealed.writeInteger(flags)
      sealed.writeInteger(UInt32(truncatingIfNeeded: count))
      sealed.writeBuffer(&message)
      return sealed
    }
    message.moveReaderIndex(to: message.readerIndex - prefixBytes)
    // Writing would copy a buffer that has another owner too.
    guard prefix(of: message) != prefix(flags: flags, byteCount: count) else { return message }
    message.withUnsafeMutableReadableBytes { bytes in
      bytes[0] = flags
      bytes.storeBytes(
        of: UInt32(truncatingIfNeeded: count).bigEndian, toByteOffset: 1, as: UInt32.self)
    }
    return message
  }
}

/// Takes the bytes of a stream and gives back its messages.
package struct EnvelopeReader {
  private let messageBytesMax: Int
  private let encoding: MessageEncoding
  private var buffer = ByteBuffer()

  /// `encoding` is what `grpc-encoding` named: how messages that are flagged are compressed.
  package init(messageBytesMax: Int, encoding: MessageEncoding = .identity) {
    self.messageBytesMax = messageBytesMax
    self.encoding = encoding
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
      guard flags & ~Envelope.compressedFlag == 0 else {
        throw RPCError(.internal, "a message has flags that gRPC doesn't define")
      }
      guard flags == 0 || encoding != .identity else {
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
    guard buffer.readableBytes > 0 else { return buffer = bytes }
    var bytes = bytes
    if isShared || buffer.writableBytes < bytes.readableBytes {
      makeRoom(max(buffer.readableBytes + bytes.readableBytes, 2 * buffer.readableBytes))
    }
    buffer.writeBuffer(&bytes)
  }

  /// Messages that were taken may still refer to the buffer: to write there copies all of it, what
  /// was taken before included, and so a stream would copy all that it has ever carried again and
  /// again.
  private var isShared: Bool { buffer.readerIndex > 0 }

  /// Moves what is held into a buffer of its own with room for `byteCount`.
  private mutating func makeRoom(_ byteCount: Int) {
    var larger = ByteBufferAllocator().buffer(capacity: byteCount)
    larger.writeBytes(buffer.readableBytesView)
    buffer = larger
  }

  /// Copies what is held out of the larger buffer that it may be a slice of: a few bytes that wait
  /// must not keep a whole read alive.
  package mutating func detach() {
    guard buffer.readableBytes < buffer.storageCapacity / 2 else { return }
    makeRoom(buffer.readableBytes)
  }

  /// Makes room for the whole message under way at once, when its sender may send all of it.
  package mutating func reserve(_ byteCount: Int) {
    if isShared || buffer.writableBytes < byteCount - buffer.readableBytes {
      makeRoom(max(byteCount, buffer.readableBytes))
    }
  }

  /// The next complete message, if there is one; decompressed it is still within the limit.
  package mutating func next() throws(RPCError) -> ReceivedMessage? {
    guard let expected = try expectedBytes, buffer.readableBytes >= expected,
      let flags = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self)
    else { return nil }
    buffer.moveReaderIndex(forwardBy: Envelope.prefixBytes)
    guard let bytes = buffer.readSlice(length: expected - Envelope.prefixBytes) else { return nil }
    guard flags == Envelope.compressedFlag else { return ReceivedMessage(bytes) }
    return ReceivedMessage(
      try Gzip.decompress(bytes, bytesMax: messageBytesMax), isCompressed: true)
  }
}
