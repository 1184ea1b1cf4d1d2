/// A received list of header fields, kept flat: nothing becomes a `String` until somebody asks.
package struct HeaderBlock: Sendable {
  private let room: HeaderRoom?
  private let start: Int
  private let byteCount: Int
  /// Fields were dropped because the list passed its limit.
  package let isTooLarge: Bool

  /// One without fields.
  package init() {
    self.init(nil, start: 0, byteCount: 0, isTooLarge: false)
  }

  init(_ room: HeaderRoom?, start: Int, byteCount: Int, isTooLarge: Bool) {
    self.room = room
    self.start = start
    self.byteCount = byteCount
    self.isTooLarge = isTooLarge
  }

  /// Hands every field to `body`, in order; the bytes are valid during the call only.
  package func forEach(
    _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
  ) {
    guard let room else { return }
    // Per field: name length and value length (4 bytes each, little-endian), name, value.
    var place = UnsafeRawPointer(room.base) + start
    let end = place + byteCount
    while place < end {
      let nameBytes = Self.length(place)
      let valueBytes = Self.length(place + HeaderStorage.lengthBytes)
      let name = place + 2 * HeaderStorage.lengthBytes
      let value = name + nameBytes
      body(
        UnsafeRawBufferPointer(start: name, count: nameBytes),
        UnsafeRawBufferPointer(start: value, count: valueBytes))
      place = value + valueBytes
    }
    extendLifetime(room)
  }

  private static func length(_ place: UnsafeRawPointer) -> Int {
    Int(UInt32(littleEndian: place.loadUnaligned(as: UInt32.self)))
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
