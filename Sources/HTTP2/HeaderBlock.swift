internal import NIOCore

/// A received list of header fields, kept flat: nothing becomes a `String` until somebody asks.
package struct HeaderBlock: Sendable {
  /// Per field: name length and value length (4 bytes each, little-endian), name, value.
  private let fields: ByteBuffer
  /// Fields were dropped because the list passed its limit.
  package let isTooLarge: Bool

  /// One without fields.
  package init() {
    self.init(ByteBuffer(), isTooLarge: false)
  }

  init(_ fields: ByteBuffer, isTooLarge: Bool) {
    self.fields = fields
    self.isTooLarge = isTooLarge
  }

  /// Hands every field to `body`, in order; the bytes are valid during the call only.
  package func forEach<Failure: Error>(
    _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(Failure) ->
      Void
  ) throws(Failure) {
    let result = fields.withUnsafeReadableBytes { bytes in
      Result { () throws(Failure) in
        var index = 0
        while index < bytes.count {
          let nameBytes = Self.length(bytes, at: index)
          let valueBytes = Self.length(bytes, at: index + HeaderStorage.lengthBytes)
          let name = index + 2 * HeaderStorage.lengthBytes
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
