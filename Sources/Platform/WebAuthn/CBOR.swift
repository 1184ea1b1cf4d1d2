/// A value of CBOR (RFC 8949), of the kinds that authenticators send.
package indirect enum CBORValue: Sendable, Hashable {
  case unsigned(UInt64)
  /// The number -1 - `n`.
  case negative(UInt64)
  case bytes([UInt8])
  case text(String)
  case array([CBORValue])
  case map([CBORPair])
  case bool(Bool)
  case null

  /// The whole number, if it fits.
  package var integer: Int64? {
    switch self {
    case .unsigned(let value): Int64(exactly: value)
    case .negative(let value): Int64(exactly: value).map { -1 - $0 }
    default: nil
    }
  }

  /// A map's value for a key.
  package subscript(key: CBORValue) -> CBORValue? {
    guard case .map(let pairs) = self else { return nil }
    return pairs.first { $0.key == key }?.value
  }
}

/// One key of a map with its value.
package struct CBORPair: Sendable, Hashable {
  package let key: CBORValue
  package let value: CBORValue
}

/// Reads CBOR as authenticators must write it (CTAP 2.1, section 8): definite lengths, shortest
/// numbers, no tags and no floating point. Duplicate keys are refused, so that no two readers of a
/// text can disagree.
package struct CBORReader {
  /// Of an attestation object, the deepest thing that is sent: certificates in an array in its
  /// statement.
  package static let nestingDepthMax = 8

  private let bytes: ArraySlice<UInt8>
  /// Where the next value begins.
  private(set) package var position: Int

  package init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  /// Reads exactly one value and nothing behind it.
  package static func read(_ bytes: [UInt8]) throws(WebAuthnError) -> CBORValue {
    var reader = CBORReader(bytes[...])
    let value = try reader.next()
    guard reader.position == bytes.endIndex else { throw .malformed("bytes after the CBOR value") }
    return value
  }

  /// The next value; what is behind it stays.
  package mutating func next() throws(WebAuthnError) -> CBORValue { try value(depth: 1) }

  private mutating func take(_ count: Int) throws(WebAuthnError) -> ArraySlice<UInt8> {
    guard count <= bytes.endIndex - position else { throw .malformed("the CBOR value ends early") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  /// The number that an initial byte's lower five bits announce.
  private mutating func argument(_ information: UInt8) throws(WebAuthnError) -> UInt64 {
    guard information >= 24 else { return UInt64(information) }
    guard information <= 27 else { throw .malformed("a CBOR value of no definite length") }
    let width = 1 << Int(information - 24)
    let value = try take(width).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let least: UInt64 = width == 1 ? 24 : 1 << (UInt64(width) * 4)
    guard value >= least else { throw .malformed("a CBOR number that is not in its shortest form") }
    return value
  }

  /// How many bytes or elements come: never more than there are bytes left.
  private mutating func count(_ information: UInt8) throws(WebAuthnError) -> Int {
    let value = try argument(information)
    guard let count = Int(exactly: value), count <= bytes.endIndex - position else {
      throw .malformed("the CBOR value ends early")
    }
    return count
  }

  private mutating func value(depth: Int) throws(WebAuthnError) -> CBORValue {
    guard depth <= Self.nestingDepthMax else { throw .malformed("CBOR nested too deep") }
    let initial = try take(1).first ?? 0
    let information = initial & 0x1F
    switch initial >> 5 {
    case 0: return .unsigned(try argument(information))
    case 1: return .negative(try argument(information))
    case 2: return .bytes(Array(try take(try count(information))))
    case 3:
      guard let text = String(validating: try take(try count(information)), as: UTF8.self) else {
        throw .malformed("a CBOR text that is not UTF-8")
      }
      return .text(text)
    case 4:
      var elements: [CBORValue] = []
      for _ in 0..<(try count(information)) { elements.append(try value(depth: depth + 1)) }
      return .array(elements)
    case 5: return try map(count: try count(information), depth: depth)
    case 7 where information == 20: return .bool(false)
    case 7 where information == 21: return .bool(true)
    case 7 where information == 22: return .null
    default: throw .malformed("a kind of CBOR value that authenticators don't send")
    }
  }

  private mutating func map(count: Int, depth: Int) throws(WebAuthnError) -> CBORValue {
    var pairs: [CBORPair] = []
    var keys: Set<CBORValue> = []
    for _ in 0..<count {
      let key = try value(depth: depth + 1)
      guard keys.insert(key).inserted else { throw .malformed("a CBOR map with a key twice") }
      pairs.append(CBORPair(key: key, value: try value(depth: depth + 1)))
    }
    return .map(pairs)
  }
}
