import Glibc

/// Memory for one message's C structs, released all at once and wiped before: messages carry keys
/// and passwords.
///
/// protobuf-c allocates field by field; a bump arena keeps those pieces together and makes freeing
/// one call. Blocks come from malloc, so alignment is that of any C type.
package final class Arena {
  /// Covers the messages of an ordinary call; with its head still a size for which malloc has its
  /// quickest lists.
  private static let firstBlockBytes = 1008
  private static let blockBytes = 4080
  private static let alignmentBytes = 16

  /// In front of each block; its size keeps what follows aligned.
  private struct BlockHead {
    let older: UnsafeMutableRawPointer?
    let byteCount: Int
  }

  private static let headBytes = 16

  /// The newest block.
  private var newest: UnsafeMutableRawPointer?
  /// The block that `next` points into.
  private var open: UnsafeMutableRawPointer?
  private var next: UnsafeMutableRawPointer?
  private var available = 0
  private var allocatedBytes = 0
  private let limitBytes: Int

  /// - Parameter limitBytes: past this, `allocateWithinLimit` answers nil.
  package init(limitBytes: Int = .max) {
    self.limitBytes = limitBytes
  }

  deinit {
    var block = newest
    while let start = block {
      let head = start.load(as: BlockHead.self)
      // Nothing was written behind `next`.
      let unused = start == open ? available : 0
      explicit_bzero(start + Self.headBytes, head.byteCount - unused)
      free(start)
      block = head.older
    }
  }

  private func addBlock(_ byteCount: Int) -> UnsafeMutableRawPointer {
    guard let block = malloc(Self.headBytes + byteCount) else { fatalError("out of memory") }
    block.storeBytes(of: BlockHead(older: newest, byteCount: byteCount), as: BlockHead.self)
    newest = block
    return block
  }

  /// Uninitialised memory that lives as long as the arena.
  package func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    let size = (max(byteCount, 1) + Self.alignmentBytes - 1) & ~(Self.alignmentBytes - 1)
    if let start = next, size <= available {
      next = start + size
      available -= size
      return start
    }
    let blockBytes = newest == nil ? Self.firstBlockBytes : Self.blockBytes
    guard size <= blockBytes / 4 else { return addBlock(size) + Self.headBytes }
    // What is left of the block before stays unused, and is wiped with it.
    let block = addBlock(blockBytes)
    open = block
    next = block + Self.headBytes + size
    available = blockBytes - size
    return block + Self.headBytes
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
