import CZlib
package import NIOCore

/// How messages of a call may be compressed (gRPC, "compression"): its name in `grpc-encoding`.
package enum MessageEncoding: String, Sendable, Hashable, CaseIterable {
  case identity
  case gzip

  /// The value of `grpc-accept-encoding`.
  package static let accepted = "identity,gzip"
}

/// The gzip format (RFC 1952) of whole messages.
package enum Gzip {
  /// Trades little size for much speed, as messages are sent once.
  package static let level: Int32 = 3
  /// What the output grows by.
  private static let chunkBytes = 16 << 10

  /// Compresses `message`, with room for an envelope's prefix in front of the result.
  ///
  /// - Parameter level: zlib's, 1 to 9.
  package static func compress(
    _ message: ByteBuffer, level: Int32 = level
  ) throws(RPCError) -> ByteBuffer {
    let stream = makeStream()
    defer { stream.deallocate() }
    guard czlib_deflate_init_gzip(stream, level) == Z_OK else { throw outOfMemory }
    defer { deflateEnd(stream) }
    var output = Envelope.messageBuffer()
    try run(stream, message, into: &output, bytesMax: .max) { deflate($0, Z_FINISH) }
    return output
  }

  /// Gives back what was compressed; RESOURCE_EXHAUSTED as soon as it passes `bytesMax`, however
  /// large it would have become, INTERNAL when it is no gzip.
  package static func decompress(
    _ bytes: ByteBuffer, bytesMax: Int
  ) throws(RPCError) -> ByteBuffer {
    let stream = makeStream()
    defer { stream.deallocate() }
    guard czlib_inflate_init_gzip(stream) == Z_OK else { throw outOfMemory }
    defer { inflateEnd(stream) }
    var output = ByteBuffer()
    try run(stream, bytes, into: &output, bytesMax: bytesMax) { inflate($0, Z_NO_FLUSH) }
    guard stream.pointee.avail_in == 0 else {
      throw RPCError(.internal, "a compressed message has bytes behind its end")
    }
    return output
  }

  /// On the heap: zlib checks that its state stays where it was initialised.
  private static func makeStream() -> UnsafeMutablePointer<z_stream> {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    return stream
  }

  /// Steps until zlib says that the stream is complete.
  private static func run(
    _ stream: UnsafeMutablePointer<z_stream>, _ input: ByteBuffer, into output: inout ByteBuffer,
    bytesMax: Int,
    _ step: (UnsafeMutablePointer<z_stream>) -> Int32
  ) throws(RPCError) {
    let result = input.withUnsafeReadableBytes { bytes in
      Result { () throws(RPCError) in
        // zlib doesn't write there, though its type says that it might.
        stream.pointee.next_in = UnsafeMutablePointer(
          mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(clamping: bytes.count)
        var code = Z_OK
        while code == Z_OK {
          output.writeWithUnsafeMutableBytes(minimumWritableBytes: chunkBytes) { space in
            let room = min(space.count, chunkBytes)
            stream.pointee.next_out = space.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(room)
            code = step(stream)
            return room - Int(stream.pointee.avail_out)
          }
          guard output.readableBytes <= bytesMax else {
            throw RPCError(
              .resourceExhausted,
              "the decompressed message has more than the \(bytesMax) bytes that are accepted")
          }
        }
        guard code == Z_STREAM_END else {
          throw RPCError(.internal, "a compressed message is damaged")
        }
      }
    }
    try result.get()
  }

  private static var outOfMemory: RPCError { RPCError(.resourceExhausted, "out of memory") }
}
