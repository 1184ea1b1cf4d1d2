import Encodings
import Testing
import TransparencyLog

/// The tree against the definitions of RFC 9162, written down a second time here as they stand
/// there, and against the values that Certificate Transparency publishes.
@Suite struct MerkleTreeTests {
  /// RFC 9162, 2.1.1.
  private static func root(_ leaves: ArraySlice<[UInt8]>) -> MerkleHash {
    if leaves.isEmpty { return .ofNothing }
    if leaves.count == 1 { return .ofLeaf(leaves[leaves.startIndex]) }
    let middle = leaves.startIndex + split(leaves.count)
    return .ofNode(root(leaves[..<middle]), root(leaves[middle...]))
  }

  /// RFC 9162, 2.1.3.1.
  private static func path(_ leaf: Int, _ leaves: ArraySlice<[UInt8]>) -> [MerkleHash] {
    if leaves.count == 1 { return [] }
    let count = split(leaves.count)
    let middle = leaves.startIndex + count
    return leaf < count
      ? path(leaf, leaves[..<middle]) + [root(leaves[middle...])]
      : path(leaf - count, leaves[middle...]) + [root(leaves[..<middle])]
  }

  /// RFC 9162, 2.1.4.1.
  private static func proof(
    _ old: Int, _ leaves: ArraySlice<[UInt8]>, _ isKnown: Bool = true
  ) -> [MerkleHash] {
    if old == leaves.count { return isKnown ? [] : [root(leaves)] }
    let count = split(leaves.count)
    let middle = leaves.startIndex + count
    return old <= count
      ? proof(old, leaves[..<middle], isKnown) + [root(leaves[middle...])]
      : proof(old - count, leaves[middle...], false) + [root(leaves[..<middle])]
  }

  private static func split(_ count: Int) -> Int {
    var half = 1
    while half * 2 < count { half *= 2 }
    return half
  }

  private static func leaves(_ count: Int) -> [[UInt8]] {
    (0..<count).map { Array("leaf \($0)".utf8) }
  }

  /// All tiles of a tree.
  private static func tiles(of leaves: some Sequence<[UInt8]>) throws -> Tiles {
    var tree = GrowingTree()
    for leaf in leaves { try tree.append(.ofLeaf(leaf)) }
    var tiles = Tiles()
    for (tile, bytes) in tree.changedTiles { try tiles.insert(tile, bytes) }
    return tiles
  }

  @Test func rootsAreThoseThatCertificateTransparencyPublishes() throws {
    let leaves = [
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
      "606162636465666768696a6b6c6d6e6f",
    ]
    let roots = [
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    var tree = GrowingTree()
    #expect(
      Hex.encode(try tree.root().bytes)
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    for (leaf, root) in zip(leaves, roots) {
      try tree.append(.ofLeaf(try #require(Hex.decode(leaf))))
      #expect(Hex.encode(try tree.root().bytes) == root)
    }
  }

  @Test func everyProofOfEverySmallTreeIsTheStandardsAndIsTrue() throws {
    let all = Self.leaves(70)
    for size in 1...all.count {
      let leaves = all[..<size]
      let tiles = try Self.tiles(of: leaves)
      let root = Self.root(leaves)
      #expect(try tiles.root(of: UInt64(size)) == root)
      for leaf in 0..<size {
        let ranges = MerkleTree.inclusionRanges(of: UInt64(leaf), in: UInt64(size))
        let path = try tiles.hashes(of: ranges)
        #expect(path == Self.path(leaf, leaves))
        let proof = InclusionProof(leaf: UInt64(leaf), size: UInt64(size), path: path)
        #expect(proof.root(ofLeaf: .ofLeaf(all[leaf])) == root)
      }
      for old in 1...size {
        let ranges = MerkleTree.consistencyRanges(from: UInt64(old), to: UInt64(size))
        let path = try tiles.hashes(of: ranges)
        #expect(path == Self.proof(old, leaves))
        let proof = ConsistencyProof(oldSize: UInt64(old), newSize: UInt64(size), path: path)
        #expect(proof.isValid(oldRoot: Self.root(all[..<old]), newRoot: root))
      }
    }
  }

  @Test(arguments: [1, 2, 7, 8, 255, 256, 257, 511, 1000, 65_536, 66_000])
  func treesOfSeveralTilesGrowBatchByBatch(_ size: Int) throws {
    let leaves = Self.leaves(size)
    var kept: [TileID: [UInt8]] = [:]
    var done = 0
    // What a batch needs of the one before is its right edge alone.
    for batch in [1, 3, 250, 4, 700, 70_000] where done < size {
      var edge = Tiles()
      for tile in TileID.rightEdge(of: UInt64(done)) {
        try edge.insert(tile, try #require(kept[tile]))
      }
      var tree = GrowingTree(size: UInt64(done), rightEdge: edge)
      let end = min(size, done + batch)
      for leaf in leaves[done..<end] { try tree.append(.ofLeaf(leaf)) }
      for (tile, bytes) in tree.changedTiles { kept[tile] = bytes }
      done = end
      #expect(tree.size == UInt64(done))
    }
    var tiles = Tiles()
    for (tile, bytes) in kept {
      #expect(bytes.count == 32 * tile.width(in: UInt64(size)))
      try tiles.insert(tile, bytes)
    }
    let root = Self.root(leaves[...])
    #expect(try tiles.root(of: UInt64(size)) == root)
    for leaf in Set([0, size / 3, size / 2, size - 1]) {
      let ranges = MerkleTree.inclusionRanges(of: UInt64(leaf), in: UInt64(size))
      #expect(Tiles.needed(for: ranges).allSatisfy { kept[$0] != nil })
      let proof = InclusionProof(
        leaf: UInt64(leaf), size: UInt64(size), path: try tiles.hashes(of: ranges))
      #expect(proof.root(ofLeaf: .ofLeaf(leaves[leaf])) == root)
    }
  }

  @Test func noBitOfAProofMayChange() throws {
    let leaves = Self.leaves(21)
    let tiles = try Self.tiles(of: leaves)
    let root = try tiles.root(of: 21)
    let path = try tiles.hashes(of: MerkleTree.inclusionRanges(of: 13, in: 21))
    let consistency = try tiles.hashes(of: MerkleTree.consistencyRanges(from: 13, to: 21))
    let old = try tiles.root(of: 13)
    let leaf = MerkleHash.ofLeaf(leaves[13])
    func isIn(_ leaf: UInt64, _ size: UInt64, _ path: [MerkleHash], _ hash: MerkleHash) -> Bool {
      InclusionProof(leaf: leaf, size: size, path: path).root(ofLeaf: hash) == root
    }
    func continues(_ path: [MerkleHash], from oldSize: UInt64 = 13, to size: UInt64 = 21) -> Bool {
      ConsistencyProof(oldSize: oldSize, newSize: size, path: path)
        .isValid(oldRoot: old, newRoot: root)
    }
    #expect(isIn(13, 21, path, leaf))
    #expect(continues(consistency))
    for wrong in try changes(of: path) { #expect(!isIn(13, 21, wrong, leaf)) }
    for wrong in try changes(of: consistency) { #expect(!continues(wrong)) }
    for other in 0..<21 as Range<UInt64> where other != 13 { #expect(!isIn(other, 21, path, leaf)) }
    for (oldSize, size) in [(12, 21), (14, 21), (13, 40), (0, 21), (21, 13)] as [(UInt64, UInt64)] {
      #expect(!continues(consistency, from: oldSize, to: size))
    }
    #expect(!isIn(13, 21, path, .ofLeaf(leaves[12])))
    #expect(!isIn(.max, .max, path, leaf))
  }

  /// One bit changed, one hash left out, doubled, exchanged.
  private func changes(of path: [MerkleHash]) throws -> [[MerkleHash]] {
    var changed: [[MerkleHash]] = [[], path.dropLast(), Array(path.dropFirst()), path.reversed()]
    changed.append(path + path.suffix(1))
    for index in path.indices {
      for bit in stride(from: index, to: 256, by: 7) {
        var bytes = path[index].bytes
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        var wrong = path
        wrong[index] = try #require(MerkleHash(bytes))
        changed.append(wrong)
      }
    }
    return changed
  }

  @Test func missingAndMalformedTilesAreNamed() throws {
    var tiles = Tiles()
    #expect(throws: TileError.missing(TileID(level: 0, index: 0))) { try tiles.root(of: 5) }
    #expect(throws: TileError.malformed(TileID(level: 1, index: 2))) {
      try tiles.insert(TileID(level: 1, index: 2), [1, 2, 3])
    }
  }

  @Test(arguments: [(0, "000"), (67, "067"), (1000, "x001/000"), (1_234_067, "x001/x234/067")])
  func aTilesPathHasThreeDigitsToAStep(_ index: UInt64, _ path: String) {
    #expect(TileID.path(index) == path)
  }
}
