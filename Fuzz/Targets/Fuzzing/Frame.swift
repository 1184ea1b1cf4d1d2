/// Frames of HTTP/2 (RFC 9113, 4.1), made and taken apart by hand.
package enum Frame {
  package static let headBytes = 9
  package static let payloadBytesMax = 16_384
  package static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  package static let endStream: UInt8 = 0x1
  package static let endHeaders: UInt8 = 0x4
  package static let padded: UInt8 = 0x8

  package enum Kind: UInt8 {
    case data, headers, priority, resetStream, settings, pushPromise, ping, goAway, windowUpdate
    case continuation
  }

  package static func make(
    _ kind: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []
  ) -> [UInt8] {
    [
      UInt8(truncatingIfNeeded: payload.count >> 16),
      UInt8(truncatingIfNeeded: payload.count >> 8), UInt8(truncatingIfNeeded: payload.count),
      kind, flags,
    ] + bigEndian(stream) + payload
  }

  package static func make(
    _ kind: Kind, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []
  ) -> [UInt8] {
    make(kind.rawValue, flags: flags, stream: stream, payload)
  }

  package static func bigEndian<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  /// A field as HPACK writes it without its tables: RFC 7541, 6.2.2. Both parts below 127 bytes.
  package static func literal(_ name: [UInt8], _ value: [UInt8]) -> [UInt8] {
    [0, UInt8(truncatingIfNeeded: min(name.count, 126))] + name.prefix(126)
      + [UInt8(truncatingIfNeeded: min(value.count, 126))] + value.prefix(126)
  }

  package static func literal(_ name: String, _ value: String) -> [UInt8] {
    literal(Array(name.utf8), Array(value.utf8))
  }

  /// The types of the frames that `output` consists of: all whole, as any peer must accept them.
  @discardableResult
  package static func kinds(_ output: [UInt8]) -> [Kind] {
    var kinds: [Kind] = []
    var rest = output[...]
    if rest.starts(with: preface) { rest = rest.dropFirst(preface.count) }
    while !rest.isEmpty {
      require(rest.count >= headBytes, "a frame has a head")
      let length = rest.prefix(3).reduce(0) { $0 << 8 | Int($1) }
      require(length <= payloadBytesMax, "a frame is no longer than every peer accepts")
      require(rest.count >= headBytes + length, "a frame is complete")
      guard let kind = Kind(rawValue: rest[rest.startIndex + 3]) else {
        fatalError("a frame is of a type of RFC 9113")
      }
      kinds.append(kind)
      rest = rest.dropFirst(headBytes + length)
    }
    return kinds
  }
}
