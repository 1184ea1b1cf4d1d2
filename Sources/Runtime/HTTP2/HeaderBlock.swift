/// A received list of header fields, kept flat: nothing becomes a `String` before it is asked for.
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

/// Where a session puts the header blocks that it receives, one behind the other: a block costs no
/// memory of its own, and the room is used again once no block of it is held.
struct HeaderStorage {
  static let lengthBytes = 4
  /// What RFC 9113, 6.5.2 adds to every field's length.
  private static let fieldOverheadBytes = 32
  /// Room for the fields of some ordinary calls.
  private static let initialBytes = 2 << 10
  /// More than this is given back after use.
  private static let keptBytesMax = 16 << 10

  private var room: HeaderRoom?
  /// Of `room`, without asking it.
  private var base: UnsafeMutableRawPointer?
  private var capacity = 0
  private var end = 0
  /// Of the block under way.
  private var start = 0
  /// The size of the block under way as RFC 9113, 6.5.2 counts it.
  private(set) var listBytes = 0
  private var isTooLarge = false

  mutating func begin() {
    // What a broken block may have left is dropped.
    end = start
    listBytes = 0
    isTooLarge = false
  }

  mutating func append(
    name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, listBytesMax: Int
  ) {
    listBytes += name.count + value.count + Self.fieldOverheadBytes
    guard listBytes <= listBytesMax, !isTooLarge else {
      isTooLarge = true
      return
    }
    let headBytes = 2 * Self.lengthBytes
    let byteCount = headBytes + name.count + value.count
    if end + byteCount > capacity { grow(byteCount) }
    guard let place = base.map({ $0 + end }) else { return }
    let head = UInt64(truncatingIfNeeded: name.count) | UInt64(value.count) << 32
    place.storeBytes(of: head.littleEndian, as: UInt64.self)
    if let from = name.baseAddress {
      (place + headBytes).copyMemory(from: from, byteCount: name.count)
    }
    if let from = value.baseAddress {
      (place + headBytes + name.count).copyMemory(from: from, byteCount: value.count)
    }
    end += byteCount
  }

  /// Blocks that are still held keep the room they are in.
  private mutating func grow(_ byteCount: Int) {
    let larger = HeaderRoom(byteCount: max(Self.initialBytes, 2 * (end + byteCount)))
    if let base { larger.base.copyMemory(from: base, byteCount: end) }
    room = larger
    base = larger.base
    capacity = larger.byteCount
  }

  /// The block is complete; says where it is.
  mutating func end(
    _ kind: EventRecord.Kind, _ stream: Unmanaged<HTTP2Stream>, endOfStream: Bool
  ) -> EventRecord {
    defer { start = end }
    return EventRecord(
      kind: kind, stream: stream, endOfStream: endOfStream, isTooLarge: isTooLarge, start: start,
      byteCount: end - start)
  }

  func fields(of record: EventRecord) -> HeaderBlock {
    HeaderBlock(
      room, start: record.start, byteCount: record.byteCount, isTooLarge: record.isTooLarge)
  }

  /// To be called between blocks, when no record needs them any more.
  mutating func clear() {
    guard end > 0 else { return }
    if capacity > Self.keptBytesMax || !isKnownUniquelyReferenced(&room) { drop() }
    start = 0
    end = 0
  }

  /// Lets go of the room, if there is nothing in it.
  mutating func release() {
    if end == 0 { drop() }
  }

  private mutating func drop() {
    room = nil
    base = nil
    capacity = 0
  }
}

/// Memory for header blocks: once written, bytes stay as they are while another owner can see them.
final class HeaderRoom: @unchecked Sendable {
  // Sendable because only `HeaderStorage` writes, behind the blocks that it has handed out.
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  init(byteCount: Int) {
    base = .allocate(byteCount: byteCount, alignment: 1)
    self.byteCount = byteCount
  }

  deinit { base.deallocate() }
}
