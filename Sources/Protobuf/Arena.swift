internal import Glibc

/// Memory for one message's C structs, released all at once and wiped before: messages carry keys
/// and passwords.
///
/// protobuf-c allocates field by field; a bump arena keeps those pieces together and makes freeing
/// one call. Blocks come from malloc, so alignment is that of any C type.
package final class Arena {
  /// Covers the messages of an ordinary call in one block.
  private static let blockBytes = 4096
  private static let alignmentBytes = 16

  private var blocks: [UnsafeMutableRawBufferPointer] = []
  private var next: UnsafeMutableRawPointer?
  private var available = 0
  private var allocatedBytes = 0
  private let limitBytes: Int

  /// - Parameter limitBytes: past this, `allocateWithinLimit` answers nil.
  package init(limitBytes: Int = .max) {
    self.limitBytes = limitBytes
  }

  deinit {
    for block in blocks {
      if let start = block.baseAddress { explicit_bzero(start, block.count) }
      block.deallocate()
    }
  }

  /// Uninitialised memory that lives as long as the arena.
  package func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    let size = (max(byteCount, 1) + Self.alignmentBytes - 1) & ~(Self.alignmentBytes - 1)
    if let start = next, size <= available {
      next = start + size
      available -= size
      return start
    }
    let isLarge = size > Self.blockBytes / 4
    let blockSize = isLarge ? size : Self.blockBytes
    let block = UnsafeMutableRawPointer.allocate(
      byteCount: blockSize, alignment: Self.alignmentBytes)
    blocks.append(UnsafeMutableRawBufferPointer(start: block, count: blockSize))
    if !isLarge {
      next = block + size
      available = Self.blockBytes - size
    }
    return block
  }

  /// As `allocate`, or nil once a peer's bytes have made the decoder ask for too much.
  func allocateWithinLimit(byteCount: Int) -> UnsafeMutableRawPointer? {
    guard byteCount >= 0, byteCount <= limitBytes - allocatedBytes else { return nil }
    allocatedBytes += byteCount
    return allocate(byteCount: byteCount)
  }

  /// Uninitialised memory for `count` values.
  package func allocate<Element>(_ type: Element.Type, count: Int) -> UnsafeMutablePointer<Element>
  {
    allocate(byteCount: MemoryLayout<Element>.stride * count)
      .bindMemory(to: type, capacity: count)
  }
}
