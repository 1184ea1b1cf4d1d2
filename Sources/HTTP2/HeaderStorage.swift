internal import NIOCore

/// Where a session puts the header blocks that it receives, one behind the other: a block costs no
/// memory of its own, and the room is used again once nobody holds a block.
struct HeaderStorage {
  /// A block's place.
  struct Block {
    let start: Int
    let byteCount: Int
    let isTooLarge: Bool
  }

  static let lengthBytes = 4
  /// What RFC 9113, 6.5.2 adds to every field's length.
  private static let fieldOverheadBytes = 32
  /// More than this is given back after use.
  private static let keptBytesMax = 16 << 10

  private var bytes = ByteBuffer()
  private var start = 0
  /// The size of the block under way as RFC 9113, 6.5.2 counts it.
  private(set) var listBytes = 0
  private var isTooLarge = false

  mutating func begin() {
    // What a broken block may have left is dropped.
    bytes.moveWriterIndex(to: start)
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
    let head = UInt64(truncatingIfNeeded: name.count) | UInt64(value.count) << 32
    let headBytes = 2 * Self.lengthBytes
    let byteCount = headBytes + name.count + value.count
    bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: byteCount) { room in
      room.storeBytes(of: head.littleEndian, as: UInt64.self)
      UnsafeMutableRawBufferPointer(rebasing: room[headBytes...]).copyMemory(from: name)
      UnsafeMutableRawBufferPointer(rebasing: room[(headBytes + name.count)...])
        .copyMemory(from: value)
      return byteCount
    }
  }

  /// The block is complete.
  mutating func end() -> Block {
    defer { start = bytes.writerIndex }
    return Block(start: start, byteCount: bytes.writerIndex - start, isTooLarge: isTooLarge)
  }

  func fields(of block: Block) -> HeaderBlock {
    HeaderBlock(
      bytes.getSlice(at: block.start, length: block.byteCount) ?? ByteBuffer(),
      isTooLarge: block.isTooLarge)
  }

  /// To be called between blocks, when none is to be read any more.
  mutating func clear() {
    guard bytes.writerIndex > 0 else { return }
    if bytes.capacity > Self.keptBytesMax { bytes = ByteBuffer() } else { bytes.clear() }
    start = 0
  }

  mutating func release() {
    if start == 0, bytes.writerIndex == 0 { bytes = ByteBuffer() }
  }
}
