/// A received list of header fields, kept flat: nothing becomes a `String` until somebody asks.
package struct HeaderBlock: Sendable {
  /// What RFC 9113, 6.5.2 adds to every field's length.
  private static let fieldOverheadBytes = 32
  private static let lengthBytes = 4
  /// Room for the fields of an ordinary call without growing.
  private static let initialBytes = 384

  /// Per field: name length and value length (4 bytes each, little-endian), name, value.
  private var storage: [UInt8] = []
  private(set) var listBytes = 0
  /// Fields were dropped because the list passed its limit.
  package private(set) var isTooLarge = false

  package init() {}

  mutating func append(
    name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>, listBytesMax: Int
  ) {
    listBytes += name.count + value.count + Self.fieldOverheadBytes
    guard listBytes <= listBytesMax, !isTooLarge else {
      isTooLarge = true
      return
    }
    if storage.isEmpty { storage.reserveCapacity(Self.initialBytes) }
    let head = UInt64(truncatingIfNeeded: name.count) | UInt64(value.count) << 32
    withUnsafeBytes(of: head.littleEndian) { storage.append(contentsOf: $0) }
    storage.append(contentsOf: name)
    storage.append(contentsOf: value)
  }

  /// Hands every field to `body`, in order; the bytes are valid during the call only.
  package func forEach<Failure: Error>(
    _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(Failure) ->
      Void
  ) throws(Failure) {
    let result = storage.withUnsafeBytes { bytes in
      Result { () throws(Failure) in
        var index = 0
        while index < bytes.count {
          let nameBytes = Self.length(bytes, at: index)
          let valueBytes = Self.length(bytes, at: index + Self.lengthBytes)
          let name = index + 2 * Self.lengthBytes
          let value = name + nameBytes
          index = value + valueBytes
          try body(
            UnsafeRawBufferPointer(rebasing: bytes[name..<value]),
            UnsafeRawBufferPointer(rebasing: bytes[value..<index]))
        }
      }
    }
    try result.get()
  }

  private static func length(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int {
    Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)))
  }

  /// The first value of the field `name`, as text; for tests and rare fields.
  package subscript(_ name: String) -> String? {
    var found: String?
    forEach { (candidate, value) in
      if found == nil, candidate.elementsEqual(name.utf8) {
        found = String(decoding: value, as: UTF8.self)
      }
    }
    return found
  }
}
