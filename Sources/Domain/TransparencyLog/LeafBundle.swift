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
    var rest = bytes
    let leaves = takeWhole(from: &rest)
    return rest.isEmpty ? leaves : nil
  }

  /// The leaves that are whole; what is left is the beginning of the next.
  package static func takeWhole(from bytes: inout [UInt8]) -> [[UInt8]] {
    var leaves: [[UInt8]] = []
    var start = 0
    while bytes.count - start >= lengthBytes {
      let end = start + lengthBytes + (Int(bytes[start]) << 8 | Int(bytes[start + 1]))
      guard end <= bytes.count else { break }
      leaves.append(Array(bytes[start + lengthBytes..<end]))
      start = end
    }
    bytes.removeFirst(start)
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
