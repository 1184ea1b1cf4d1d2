/// The proof that a leaf is in a tree (RFC 9162, 2.1.3).
package struct InclusionProof: Sendable, Hashable {
  /// From 0.
  package let leaf: UInt64
  package let size: UInt64
  package let path: [MerkleHash]

  package init(leaf: UInt64, size: UInt64, path: [MerkleHash]) {
    self.leaf = leaf
    self.size = size
    self.path = path
  }

  /// The root that the tree has if `leafHash` is its leaf; nil for a proof of a wrong length
  /// (RFC 9162, 2.1.3.2).
  package func root(ofLeaf leafHash: MerkleHash) -> MerkleHash? {
    guard leaf < size, size <= MerkleTree.sizeMax else { return nil }
    var (position, last) = (leaf, size - 1)
    var root = leafHash
    for hash in path {
      guard last > 0 else { return nil }
      if position & 1 == 1 || position == last {
        root = .ofNode(hash, root)
        while position & 1 == 0, position != 0 {
          position >>= 1
          last >>= 1
        }
      } else {
        root = .ofNode(root, hash)
      }
      position >>= 1
      last >>= 1
    }
    return last == 0 ? root : nil
  }
}

/// The proof that a tree begins with all leaves of an older one, in their order (RFC 9162, 2.1.4).
package struct ConsistencyProof: Sendable, Hashable {
  package let oldSize: UInt64
  package let newSize: UInt64
  package let path: [MerkleHash]

  package init(oldSize: UInt64, newSize: UInt64, path: [MerkleHash]) {
    self.oldSize = oldSize
    self.newSize = newSize
    self.path = path
  }

  /// Whether it proves that (RFC 9162, 2.1.4.2). Every tree continues the empty one.
  package func isValid(oldRoot: MerkleHash, newRoot: MerkleHash) -> Bool {
    guard oldSize <= newSize, newSize <= MerkleTree.sizeMax else { return false }
    if oldSize == newSize { return path.isEmpty && oldRoot == newRoot }
    if oldSize == 0 { return path.isEmpty && oldRoot == .ofNothing }
    var hashes = path[...]
    if oldSize & (oldSize - 1) == 0 { hashes = ([oldRoot] + path)[...] }
    guard let first = hashes.popFirst() else { return false }
    var (position, last) = (oldSize - 1, newSize - 1)
    while position & 1 == 1 {
      position >>= 1
      last >>= 1
    }
    var (old, new) = (first, first)
    for hash in hashes {
      guard last > 0 else { return false }
      if position & 1 == 1 || position == last {
        old = .ofNode(hash, old)
        new = .ofNode(hash, new)
        while position & 1 == 0, position != 0 {
          position >>= 1
          last >>= 1
        }
      } else {
        new = .ofNode(new, hash)
      }
      position >>= 1
      last >>= 1
    }
    return last == 0 && old == oldRoot && new == newRoot
  }
}
