import CZlib

/// A valid gzip of 1 GiB of zeros: about a megabyte.
enum GzipBomb {
  private static let chunkBytes = 1 << 20
  private static let chunks = 1024
  /// An empty last block with fixed codes (RFC 1951, 3.2.6).
  private static let lastBlock: [UInt8] = [0x03, 0x00]

  /// Packs two chunks and repeats the second: after a full flush nothing refers back.
  static func make() -> [UInt8] {
    var stream = z_stream()
    return withUnsafeMutablePointer(to: &stream) { stream in
      guard czlib_deflate_init_gzip(stream, 9) == Z_OK else { return [] }
      defer { deflateEnd(stream) }
      let first = pack(stream)
      let next = pack(stream)
      return first + (1..<chunks).flatMap { _ in next } + lastBlock + trailer()
    }
  }

  private static func pack(_ stream: UnsafeMutablePointer<z_stream>) -> [UInt8] {
    var zeros = [UInt8](repeating: 0, count: chunkBytes)
    var room = [UInt8](repeating: 0, count: chunkBytes)
    let count = zeros.withUnsafeMutableBufferPointer { input in
      room.withUnsafeMutableBufferPointer { output in
        stream.pointee.next_in = input.baseAddress
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.baseAddress
        stream.pointee.avail_out = UInt32(output.count)
        _ = deflate(stream, Z_FULL_FLUSH)
        return output.count - Int(stream.pointee.avail_out)
      }
    }
    return Array(room[..<count])
  }

  /// Checksum and length, little-endian (RFC 1952, 2.3.1).
  private static func trailer() -> [UInt8] {
    let zeros = [UInt8](repeating: 0, count: chunkBytes)
    let one = crc32(0, zeros, UInt32(zeros.count))
    let all = (1..<chunks).reduce(one) { sum, _ in crc32_combine(sum, one, chunkBytes) }
    let length = chunks * chunkBytes
    return [UInt32(truncatingIfNeeded: all), UInt32(truncatingIfNeeded: length)].flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
  }
}
