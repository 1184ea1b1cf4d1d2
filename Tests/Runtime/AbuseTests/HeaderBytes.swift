/// A header block written byte by byte: HPACK literals without Huffman coding (RFC 7541, 6.2).
struct HeaderBytes {
  /// The first entry of an empty dynamic table, as an indexed field (RFC 7541, 6.1).
  static let newestEntry: UInt8 = 0x80 | 62

  private(set) var bytes: [UInt8] = []

  /// Nothing is remembered by the receiver, unless `isIndexed`.
  mutating func append(_ name: String, _ value: String, isIndexed: Bool = false) {
    bytes.append(isIndexed ? 0x40 : 0)
    append(name)
    append(value)
  }

  private mutating func append(_ text: String) {
    appendInteger(text.utf8.count)
    bytes += text.utf8
  }

  /// A string's length with its 7-bit prefix (RFC 7541, 5.1).
  private mutating func appendInteger(_ value: Int) {
    guard value >= 127 else { return bytes.append(UInt8(value)) }
    bytes.append(127)
    bytes += Protobuf.varint(value - 127)
  }

  static func literal(_ name: String, _ value: String) -> [UInt8] {
    var block = HeaderBytes()
    block.append(name, value)
    return block.bytes
  }

  /// The fields of a gRPC call.
  static func call(_ method: String = "EmptyCall", _ more: [(String, String)] = []) -> [UInt8] {
    var block = HeaderBytes()
    block.append(":method", "POST")
    block.append(":scheme", "http")
    block.append(":path", "/grpc.testing.TestService/\(method)")
    block.append(":authority", "localhost")
    block.append("te", "trailers")
    block.append("content-type", "application/grpc")
    for (name, value) in more { block.append(name, value) }
    return block.bytes
  }
}

extension Frame {
  /// A header block in as many frames as it needs.
  static func longHeaders(_ stream: Int, _ block: [UInt8], ends: Bool = false) -> [UInt8] {
    var frames: [UInt8] = []
    var rest = block[...]
    repeat {
      let part = rest.prefix(payloadBytesMax)
      rest = rest.dropFirst(part.count)
      let isFirst = frames.isEmpty
      let flags = (rest.isEmpty ? endHeaders : 0) | (isFirst && ends ? endStream : 0)
      frames += encode(
        isFirst ? .headers : .continuation, flags: flags, stream: stream, Array(part))
    } while !rest.isEmpty
    return frames
  }
}

/// Just enough of protobuf to ask the test service for something.
enum Protobuf {
  static func varint(_ value: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  /// SimpleRequest with `response_size` and a payload.
  static func simpleRequest(responseBytes: Int, payloadBytes: Int = 0) -> [UInt8] {
    let body = [0x12] + varint(payloadBytes) + [UInt8](repeating: 0, count: payloadBytes)
    return [0x10] + varint(responseBytes) + [0x1A] + varint(body.count) + body
  }

  /// StreamingOutputCallRequest with `count` answers of `bytes` each.
  static func streamingRequest(count: Int, bytes: Int) -> [UInt8] {
    let parameters = [0x08] + varint(bytes)
    let entry = [0x12] + varint(parameters.count) + parameters
    return (0..<count).flatMap { _ in entry }
  }
}

/// A message in its envelope, with a length that may lie.
func envelope(_ message: [UInt8], isCompressed: Bool = false, length: Int? = nil) -> [UInt8] {
  [isCompressed ? 1 : 0] + Frame.bigEndian(length ?? message.count, bytes: 4) + message
}
