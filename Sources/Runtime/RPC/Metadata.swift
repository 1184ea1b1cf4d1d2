/// The key-value pairs of a call, in order, several values per key allowed.
///
/// Keys are lower-case; a key ending in `-bin` holds bytes, any other visible ASCII.
/// (gRPC over HTTP/2, "Custom-Metadata".) Kept flat, so that a call whose handler never looks pays
/// for one allocation at most.
package struct Metadata: Sendable, Hashable {
  /// One pair; a `-bin` value is kept decoded.
  package struct Entry: Sendable, Hashable {
    package let key: String
    package let value: Value

    package init(key: String, value: Value) {
      self.key = key
      self.value = value
    }
  }

  package enum Value: Sendable, Hashable {
    case ascii(String)
    case binary([UInt8])
  }

  /// Key and value length of a pair, 4 bytes each, before its bytes.
  private static let headBytes = 8

  /// Per pair: key length, value length (little-endian), key, value.
  private var storage: [UInt8] = []

  package init() {}

  package var isEmpty: Bool { storage.isEmpty }

  package var entries: [Entry] {
    var entries: [Entry] = []
    forEach { key, value in
      entries.append(
        Entry(
          key: String(decoding: key, as: UTF8.self),
          value: Self.isBinary(key)
            ? .binary(Array(value)) : .ascii(String(decoding: value, as: UTF8.self))))
    }
    return entries
  }

  /// The first text value of `key`.
  package subscript(_ key: String) -> String? {
    guard !key.hasSuffix("-bin") else { return nil }
    return first(key) { String(decoding: $0, as: UTF8.self) }
  }

  /// The first binary value of `key`, which ends in `-bin`.
  package func bytes(_ key: String) -> [UInt8]? {
    guard key.hasSuffix("-bin") else { return nil }
    return first(key) { Array($0) }
  }

  /// Adds a text value. A key or value that HTTP/2 could not carry is an error of the caller's
  /// input.
  package mutating func append(_ value: String, forKey key: String) throws(MetadataError) {
    try MetadataError.check(key: key, isBinary: false)
    guard value.utf8.allSatisfy(Self.isVisible) else {
      throw .valueIsNotVisibleASCII(key: key)
    }
    store(key.utf8, value.utf8)
  }

  /// Adds bytes under a key that ends in `-bin`.
  package mutating func append(_ value: [UInt8], forKey key: String) throws(MetadataError) {
    try MetadataError.check(key: key, isBinary: true)
    store(key.utf8, value)
  }

  /// Adds all pairs of `other` behind those here.
  package mutating func append(contentsOf other: Metadata) {
    storage.append(contentsOf: other.storage)
  }

  // MARK: Flat storage

  package static func isBinary(_ key: UnsafeRawBufferPointer) -> Bool {
    key.count > 4 && key.suffix(4).elementsEqual("-bin".utf8)
  }

  static func isVisible(_ byte: UInt8) -> Bool { (0x20...0x7E).contains(byte) }

  mutating func store(_ key: some Collection<UInt8>, _ value: some Collection<UInt8>) {
    let head = UInt64(UInt32(truncatingIfNeeded: key.count)) | UInt64(value.count) << 32
    withUnsafeBytes(of: head.littleEndian) { storage.append(contentsOf: $0) }
    storage.append(contentsOf: key)
    storage.append(contentsOf: value)
  }

  /// Hands every pair to `body`; the bytes are valid during the call only, binary values decoded.
  package func forEach(
    _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
  ) {
    storage.withUnsafeBytes { bytes in
      var index = 0
      while index < bytes.count {
        let key = index + Self.headBytes
        let value = key + Self.length(bytes, index)
        let end = value + Self.length(bytes, index + 4)
        body(
          UnsafeRawBufferPointer(rebasing: bytes[key..<value]),
          UnsafeRawBufferPointer(rebasing: bytes[value..<end]))
        index = end
      }
    }
  }

  private func first<Result>(
    _ wanted: String, _ convert: (UnsafeRawBufferPointer) -> Result
  ) -> Result? {
    var found: Result?
    forEach { key, value in
      if found == nil, key.elementsEqual(wanted.utf8) { found = convert(value) }
    }
    return found
  }

  private static func length(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int {
    Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
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
    guard allowed, !key.isEmpty, key != "-bin", key.hasSuffix("-bin") == isBinary else {
      throw .invalidKey(key)
    }
    guard !key.hasPrefix("grpc-") else { throw .reservedKey(key) }
  }
}
