/// A complete subtree: `2^level` leaves, the `index`-th of its size.
package struct MerkleNode: Sendable, Hashable {
  package var level: Int
  package var index: UInt64

  package init(level: Int, index: UInt64) {
    self.level = level
    self.index = index
  }
}

/// Which hashes stand for what in a tree of a given size (RFC 9162, 2.1); it holds none itself.
package enum MerkleTree {
  /// More leaves than any log will have, and so few that no sum overflows.
  package static let sizeMax: UInt64 = 1 << 48

  /// The complete subtrees, from left to right, that the leaves of `range` consist of; `range`
  /// begins where a subtree of its size may begin.
  package static func nodes(of range: Range<UInt64>) -> [MerkleNode] {
    var nodes: [MerkleNode] = []
    var start = range.lowerBound
    while start < range.upperBound {
      // As large as fits into what is left: the largest power of two.
      let level = UInt64.bitWidth - 1 - (range.upperBound - start).leadingZeroBitCount
      nodes.append(MerkleNode(level: level, index: start >> UInt64(level)))
      start += 1 << UInt64(level)
    }
    return nodes
  }

  /// The ranges of leaves whose hashes are the inclusion proof of a leaf, from the leaf upwards
  /// (RFC 9162, 2.1.3.1). Empty for a leaf that isn't in the tree.
  package static func inclusionRanges(of leaf: UInt64, in size: UInt64) -> [Range<UInt64>] {
    guard leaf < size, size <= sizeMax else { return [] }
    var ranges: [Range<UInt64>] = []
    var around = 0..<size
    while around.count > 1 {
      let middle = around.lowerBound + split(UInt64(around.count))
      if leaf < middle {
        ranges.append(middle..<around.upperBound)
        around = around.lowerBound..<middle
      } else {
        ranges.append(around.lowerBound..<middle)
        around = middle..<around.upperBound
      }
    }
    return ranges.reversed()
  }

  /// The ranges of leaves whose hashes are the proof that the first `old` of `size` leaves are the
  /// tree of that size (RFC 9162, 2.1.4.1).
  package static func consistencyRanges(from old: UInt64, to size: UInt64) -> [Range<UInt64>] {
    guard old > 0, old < size, size <= sizeMax else { return [] }
    var ranges: [Range<UInt64>] = []
    var around = 0..<size
    var isOldRootKnown = true
    while around.upperBound != old {
      let middle = around.lowerBound + split(UInt64(around.count))
      if old <= middle {
        ranges.append(middle..<around.upperBound)
        around = around.lowerBound..<middle
      } else {
        ranges.append(around.lowerBound..<middle)
        around = middle..<around.upperBound
        isOldRootKnown = false
      }
    }
    if !isOldRootKnown { ranges.append(around) }
    return ranges.reversed()
  }

  /// The largest power of two below `count`, which is 2 at least.
  private static func split(_ count: UInt64) -> UInt64 {
    1 << UInt64(UInt64.bitWidth - 1 - (count - 1).leadingZeroBitCount)
  }

  /// The hash of a range of leaves, from those of its complete subtrees; `.ofNothing` without any.
  package static func hash(
    of range: Range<UInt64>, _ hash: (MerkleNode) throws(TileError) -> MerkleHash
  ) throws(TileError) -> MerkleHash {
    var result: MerkleHash?
    for node in nodes(of: range).reversed() {
      let left = try hash(node)
      result = result.map { MerkleHash.ofNode(left, $0) } ?? left
    }
    return result ?? .ofNothing
  }
}

/// Why a hash can't be read from tiles.
package enum TileError: Error, Hashable {
  /// There is none, or it is too short.
  case missing(TileID)
  /// Its bytes are no whole hashes.
  case malformed(TileID)
}
