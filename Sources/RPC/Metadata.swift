/// The key-value pairs of a call, in order, several values per key allowed.
///
/// Keys are lower-case; a key ending in `-bin` holds bytes, any other visible ASCII.
/// (gRPC over HTTP/2, "Custom-Metadata".)
package struct Metadata: Sendable, Hashable {
  /// One pair; a `-bin` value is kept decoded.
  package struct Entry: Sendable, Hashable {
    package let key: String
    package let value: Value
  }

  package enum Value: Sendable, Hashable {
    case ascii(String)
    case binary([UInt8])
  }

  package private(set) var entries: [Entry] = []

  package init() {}

  /// The first text value of `key`.
  package subscript(_ key: String) -> String? {
    for entry in entries where entry.key == key {
      if case .ascii(let text) = entry.value { return text }
    }
    return nil
  }

  /// The first binary value of `key`, which ends in `-bin`.
  package func bytes(_ key: String) -> [UInt8]? {
    for entry in entries where entry.key == key {
      if case .binary(let bytes) = entry.value { return bytes }
    }
    return nil
  }

  /// Adds a text value. A key or value that HTTP/2 could not carry is an error of the caller's input.
  package mutating func append(_ value: String, forKey key: String) throws(MetadataError) {
    try MetadataError.check(key: key, isBinary: false)
    guard value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      throw .valueIsNotVisibleASCII(key: key)
    }
    entries.append(Entry(key: key, value: .ascii(value)))
  }

  /// Adds bytes under a key that ends in `-bin`.
  package mutating func append(_ value: [UInt8], forKey key: String) throws(MetadataError) {
    try MetadataError.check(key: key, isBinary: true)
    entries.append(Entry(key: key, value: .binary(value)))
  }
}

/// Why a pair cannot be metadata.
package enum MetadataError: Error, Hashable {
  case invalidKey(String)
  case reservedKey(String)
  case valueIsNotVisibleASCII(key: String)

  static func check(key: String, isBinary: Bool) throws(MetadataError) {
    let allowed = key.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard allowed, !key.isEmpty, key.hasSuffix("-bin") == isBinary else { throw .invalidKey(key) }
    guard !key.hasPrefix("grpc-") else { throw .reservedKey(key) }
  }
}
