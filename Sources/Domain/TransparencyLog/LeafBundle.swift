/// Leaves one behind the other, each behind its length in two bytes (C2SP tlog-tiles, entry
/// bundles). Bundles behind each other are one bundle.
package enum LeafBundle {
  package static let lengthBytes = 2

  package static func encode(_ leaves: [[UInt8]]) -> [UInt8] {
    var bytes: [UInt8] = []
    for leaf in leaves {
      let length = UInt16(truncatingIfNeeded: leaf.count)
      bytes += [UInt8(length >> 8), UInt8(truncatingIfNeeded: length)]
      bytes += leaf
    }
    return bytes
  }

  /// Nil for bytes that end within a leaf.
  package static func decode(_ bytes: [UInt8]) -> [[UInt8]]? {
    var leaves: [[UInt8]] = []
    var rest = bytes[...]
    while let high = rest.popFirst() {
      guard let low = rest.popFirst() else { return nil }
      let length = Int(high) << 8 | Int(low)
      guard rest.count >= length else { return nil }
      leaves.append(Array(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return leaves
  }
}

/// Looks at every leaf of a log: whether they are the signed tree, and whether one of them is an
/// entry of an account that it was not shown.
package struct LeafScan: Sendable {
  private let checkpoint: Checkpoint
  private let hidden: [[UInt8]: UInt64]
  private var tree = GrowingTree()
  private var found: UInt64?

  /// - Parameter reader: has read a whole file.
  package init(_ reader: ProofReader) {
    checkpoint = reader.checkpoint
    hidden = reader.tagsOfHiddenEntries()
  }

  /// Takes the next leaf; those behind the tree of the checkpoint are left out.
  package mutating func take(_ leaf: [UInt8]) throws(TileError) {
    guard tree.size < checkpoint.size else { return }
    try tree.append(.ofLeaf(leaf))
    guard found == nil, leaf.count == EntryLeaf.byteCount else { return }
    found = hidden[EntryLeaf.tag(of: leaf)]
  }

  package func finish() throws(ProofFault) {
    guard tree.size == checkpoint.size, (try? tree.root()) == checkpoint.root else {
      throw ProofFault(line: 1, .wrongLeaves)
    }
    if let found { throw ProofFault(line: 1, .hidden(entry: found)) }
  }
}
