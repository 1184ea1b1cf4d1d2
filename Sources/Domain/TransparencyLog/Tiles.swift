/// Which tile: 256 hashes of one row of the tree, fewer at its right edge (C2SP tlog-tiles).
package struct TileID: Sendable, Hashable {
  /// Rows of the tree between a tile and the one above it.
  package static let height = 8
  /// Hashes of a whole tile.
  package static let widthMax = 1 << height
  /// Levels of tiles in a tree of `MerkleTree.sizeMax` leaves.
  package static let levelMax = 5

  /// 0 holds the hashes of leaves.
  package let level: Int
  package let index: UInt64

  package init(level: Int, index: UInt64) {
    self.level = level
    self.index = index
  }

  /// The tile that holds the hashes from which that of `node` follows.
  package init(of node: MerkleNode) {
    level = node.level / Self.height
    index = node.index >> UInt64(Self.height - node.level % Self.height)
  }

  /// How many hashes it has in a tree of `size` leaves.
  package func width(in size: UInt64) -> Int {
    let row = size >> UInt64(Self.height * level)
    let start = index << UInt64(Self.height)
    return start >= row ? 0 : Int(min(row - start, UInt64(Self.widthMax)))
  }

  /// The tiles at the right edge of a tree, from the leaves upwards: those that grow.
  package static func rightEdge(of size: UInt64) -> [TileID] {
    (0...levelMax).map { level in
      TileID(level: level, index: size >> UInt64(height * (level + 1)))
    }.filter { $0.width(in: size) > 0 }
  }

  /// The tile's place in the addresses of a log: three digits to a step, `x` before each but the
  /// last, e.g. `x001/x234/067`.
  package static func path(_ index: UInt64) -> String {
    var steps: [String] = []
    var rest = index
    repeat {
      let step = String(rest % 1000)
      let digits = String(repeating: "0", count: 3 - step.utf8.count) + step
      steps.append(steps.isEmpty ? digits : "x" + digits)
      rest /= 1000
    } while rest > 0
    return steps.reversed().joined(separator: "/")
  }
}

/// Some tiles of a tree, and the hashes that follow from them.
package struct Tiles: Sendable {
  private var hashes: [TileID: [MerkleHash]] = [:]

  package init() {}

  /// Takes the bytes of a tile.
  package mutating func insert(_ tile: TileID, _ bytes: [UInt8]) throws(TileError) {
    guard bytes.count % MerkleHash.byteCount == 0,
      bytes.count <= TileID.widthMax * MerkleHash.byteCount
    else { throw .malformed(tile) }
    hashes[tile] = stride(from: 0, to: bytes.count, by: MerkleHash.byteCount).compactMap {
      MerkleHash(bytes[$0..<$0 + MerkleHash.byteCount])
    }
  }

  /// The bytes of a tile as far as it is known.
  package func bytes(of tile: TileID) -> [UInt8] { (hashes[tile] ?? []).flatMap(\.bytes) }

  fileprivate mutating func append(_ hash: MerkleHash, to tile: TileID) {
    hashes[tile, default: []].append(hash)
  }

  /// The hash of a complete subtree.
  package func hash(of node: MerkleNode) throws(TileError) -> MerkleHash {
    let tile = TileID(of: node)
    let depth = UInt64(node.level % TileID.height)
    let start = Int((node.index << depth) & UInt64(TileID.widthMax - 1))
    let end = start + 1 << Int(depth)
    guard let row = hashes[tile], row.count >= end,
      let hash = MerkleHash.ofComplete(row[start..<end])
    else { throw .missing(tile) }
    return hash
  }

  fileprivate func hash(ofWhole tile: TileID) throws(TileError) -> MerkleHash {
    guard let row = hashes[tile], row.count == TileID.widthMax,
      let hash = MerkleHash.ofComplete(row)
    else { throw .missing(tile) }
    return hash
  }

  /// The root of the tree of the first `size` leaves.
  package func root(of size: UInt64) throws(TileError) -> MerkleHash {
    try MerkleTree.hash(of: 0..<size, hash)
  }

  /// The hashes of ranges of leaves, e.g. of `MerkleTree.inclusionRanges`.
  package func hashes(of ranges: [Range<UInt64>]) throws(TileError) -> [MerkleHash] {
    var found: [MerkleHash] = []
    for range in ranges { found.append(try MerkleTree.hash(of: range, hash)) }
    return found
  }

  /// The tiles from which the hashes of these ranges follow.
  package static func needed(for ranges: [Range<UInt64>]) -> Set<TileID> {
    Set(ranges.flatMap { MerkleTree.nodes(of: $0).map(TileID.init(of:)) })
  }
}

/// A tree to which leaves are added: it knows the tiles of its right edge alone.
package struct GrowingTree: Sendable {
  package private(set) var size: UInt64
  /// Right edge as it was, and all that was added since.
  private var tiles: Tiles
  /// What was added to.
  private var changed: [TileID] = []

  /// Goes on behind `size` leaves, whose `TileID.rightEdge` has been read.
  package init(size: UInt64 = 0, rightEdge: Tiles = Tiles()) {
    self.size = size
    tiles = rightEdge
  }

  package mutating func append(_ leafHash: MerkleHash) throws(TileError) {
    size += 1
    var hash = leafHash
    for level in 0...TileID.levelMax {
      let row = size >> UInt64(TileID.height * level)
      let tile = TileID(level: level, index: (row - 1) >> UInt64(TileID.height))
      tiles.append(hash, to: tile)
      if changed.last != tile, !changed.contains(tile) { changed.append(tile) }
      guard row & UInt64(TileID.widthMax - 1) == 0 else { return }
      // Whole now: its hash is one of the tile above.
      hash = try tiles.hash(ofWhole: tile)
    }
  }

  package func root() throws(TileError) -> MerkleHash { try tiles.root(of: size) }

  /// What was added to, whole or as far as it goes.
  package var changedTiles: [(tile: TileID, bytes: [UInt8])] {
    changed.map { ($0, tiles.bytes(of: $0)) }
  }
}
