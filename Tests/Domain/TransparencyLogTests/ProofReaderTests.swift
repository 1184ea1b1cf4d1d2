import Cryptography
import Encodings
import Testing
import TransparencyLog

/// A small log of two accounts, exported and verified; then everything that can be done to a file.
@Suite struct ProofReaderTests {
  private struct Log {
    let signer: LogSigner
    let accountKey = Array(repeating: 3 as UInt8, count: 32)
    var leaves: [[UInt8]] = []
    var lines: [(LoggedEntry, PersonalFields, [UInt8])] = []
    var counts: [String: UInt64] = [:]

    init() throws {
      signer = try #require(LogSigner(name: "log.example.org", key: try .generate()))
    }

    mutating func append(_ account: String, _ index: Int) {
      counts[account, default: 0] += 1
      let number = counts[account] ?? 0
      let personal = PersonalFields(
        accountID: account, actorID: account, actorName: "\(account)@example.org",
        targetID: "key", targetName: "openai/default", ipAddress: "192.0.2.\(index)",
        userAgent: "curl/8", requestID: "r-\(index)", details: #"{"n":\#(index)}"#)
      let salt = Array(repeating: UInt8(index), count: 32)
      let entry = LoggedEntry(
        sequence: UInt64(leaves.count + 1), id: "id-\(index)", timeMicroseconds: Int64(index),
        source: "vault", action: "credential.resolve", outcome: 1, actorType: "user",
        targetType: "provider-config", accountEntry: number,
        commitment: EntryLeaf.commitment(to: personal, salt: salt))
      let key = account == "a" ? accountKey : Array(repeating: 4, count: 32)
      leaves.append(
        EntryLeaf.leaf(
          of: entry,
          tag: EntryLeaf.tag(ofEntry: number, accountKey: SecretBytes(copying: key))))
      lines.append((entry, personal, salt))
    }

    func tiles(_ size: Int) throws -> Tiles {
      var tree = GrowingTree()
      for leaf in leaves.prefix(size) { try tree.append(.ofLeaf(leaf)) }
      var tiles = Tiles()
      for (tile, bytes) in tree.changedTiles { try tiles.insert(tile, bytes) }
      return tiles
    }

    /// The file of account `a` in the tree of the first `size` leaves.
    func export(_ size: Int, since old: Int? = nil) throws -> [[UInt8]] {
      let tiles = try tiles(size)
      let size = UInt64(size)
      let checkpoint = Checkpoint(
        origin: "log.example.org", size: size, root: try tiles.root(of: size))
      let own = lines.filter { $0.1.accountID == "a" && $0.0.sequence <= size }
      let consistency = try old.map { old in
        ProofFile.Consistency(
          oldSize: UInt64(old),
          path: try tiles.hashes(of: MerkleTree.consistencyRanges(from: UInt64(old), to: size)))
      }
      let header = ProofFile.Header(
        checkpoint: try signer.sign(checkpoint.text).serialized, account: "a",
        accountKey: Base64.standard.encode(accountKey), entries: UInt64(own.count),
        consistency: consistency)
      return [ProofFile.encode(header)]
        + (try own.map { entry, personal, salt in
          let ranges = MerkleTree.inclusionRanges(of: entry.sequence - 1, in: size)
          return ProofFile.encode(
            ProofFile.Line(
              entry, personal: personal, salt: salt, proof: try tiles.hashes(of: ranges)))
        })
    }
  }

  private static func log(_ count: Int = 20) throws -> Log {
    var log = try Log()
    for index in 0..<count { log.append(index % 3 == 0 ? "b" : "a", index) }
    return log
  }

  @discardableResult
  private func read(_ file: [[UInt8]], _ key: LogKey) throws -> ProofReader {
    var reader = try ProofReader(header: try #require(file.first), key: key)
    for line in file.dropFirst() { try reader.read(line) }
    try reader.finish()
    return reader
  }

  private func fault(_ file: [[UInt8]], _ key: LogKey) -> ProofFault.Reason? {
    do {
      try read(file, key)
      return nil
    } catch let fault as ProofFault {
      return fault.reason
    } catch {
      return .unreadable
    }
  }

  private func replacing(_ file: [[UInt8]], _ line: Int, _ old: String, _ new: String) -> [[UInt8]]
  {
    var file = file
    file[line] = Array(String(decoding: file[line], as: UTF8.self).replacing(old, with: new).utf8)
    return file
  }

  @Test func aWholeFileHoldsAndSaysHowManyEntries() throws {
    let log = try Self.log()
    let reader = try read(try log.export(20), log.signer.publicKey)
    #expect(reader.entries == 13)
    #expect(reader.erased == 0)
    #expect(reader.checkpoint.size == 20)
    #expect(reader.last?.sequence == 20)
  }

  @Test func everyChangeOfAFileIsFoundAtItsLine() throws {
    let log = try Self.log()
    let key = log.signer.publicKey
    let file = try log.export(20)
    // Line 6 is the account's sixth entry, sequence 9.
    for (old, new) in [
      ("192.0.2.8", "192.0.2.9"), ("a@example.org", "b@example.org"), ("openai/", "other/"),
      ("curl/8", "curl/9"), ("r-8", "r-9"), (#"\"n\":8"#, #"\"n\":9"#),
    ] { #expect(fault(replacing(file, 6, old, new), key) == .changed) }
    for (old, new) in [
      ("credential.resolve", "credential.test"), (#""outcome":1"#, #""outcome":3"#),
      ("id-8", "id-9"), (#""timeMicroseconds":8"#, #""timeMicroseconds":7"#),
      (#""source":"vault""#, #""source":"auth""#), (#""actorType":"user""#, #""actorType":"x""#),
      ("provider-config", "account"), (#""sequence":9"#, #""sequence":10"#),
    ] { #expect(fault(replacing(file, 6, old, new), key) == .notInTree) }
    #expect(fault(replacing(file, 6, #""accountID":"a""#, #""accountID":"b""#), key) == .foreign)
    #expect(
      fault(replacing(file, 6, #""accountEntry":6"#, #""accountEntry":7"#), key)
        == .missing(entry: 6))
    #expect(fault(replacing(file, 0, "\\n20\\n", "\\n21\\n"), key) == .checkpoint(.unsigned))
    #expect(fault(replacing(file, 6, "{", "["), key) == .unreadable)
    #expect(fault(file.dropLast(), key) == .missing(entry: 13))
    var without = file
    without.remove(at: 4)
    #expect(fault(without, key) == .missing(entry: 4))
    var swapped = file
    swapped.swapAt(4, 5)
    #expect(fault(swapped, key) == .missing(entry: 4))
    #expect(fault(file + file.suffix(1), key) == .outOfOrder)
    let stranger = try #require(LogSigner(name: "log.example.org", key: try .generate()))
    #expect(fault(file, stranger.publicKey) == .checkpoint(.unsigned))
  }

  @Test func anErasedEntryIsStillProvedAndCantBeMadeUp() throws {
    let log = try Self.log()
    var file = try log.export(20)
    var line = try #require(ProofFile.decode(ProofFile.Line.self, file[6]))
    line.personal = nil
    line.salt = nil
    file[6] = ProofFile.encode(line)
    #expect(try read(file, log.signer.publicKey).erased == 1)
    line.salt = "AAAA"
    file[6] = ProofFile.encode(line)
    #expect(fault(file, log.signer.publicKey) == .unreadable)
  }

  @Test func aLaterFileContinuesAnEarlierOneAndAForkDoesNot() throws {
    let log = try Self.log()
    let key = log.signer.publicKey
    let old = try read(try log.export(11), key).checkpoint
    #expect(try read(try log.export(20, since: 11), key).continues(old) == true)
    #expect(try read(try log.export(20), key).continues(old) == nil)
    #expect(throws: ProofFault(line: 1, .shrunk(oldSize: 11))) {
      try read(try log.export(8), key).continues(old)
    }
    // The same key signs a past in which entry 5 never was.
    var forked = log
    forked.leaves[4] = forked.leaves[3]
    let other = try read(
      [try #require(try forked.export(20, since: 11).first)].promisingNothing, key)
    #expect(throws: ProofFault(line: 1, .forked(oldSize: 11))) { try other.continues(old) }
    let same = try read([try #require(try forked.export(11).first)].promisingNothing, key)
    #expect(throws: ProofFault(line: 1, .forked(oldSize: 11))) { try same.continues(old) }
  }

  @Test func anEntryThatIsInTheTreeAndNotInTheFileIsFound() throws {
    let log = try Self.log()
    let key = log.signer.publicKey
    func scan(_ file: [[UInt8]], _ leaves: [[UInt8]]) throws {
      let bundle = LeafBundle.encode(leaves)
      var scan = LeafScan(try read(file, key))
      for leaf in try #require(LeafBundle.decode(bundle)) { try scan.take(leaf) }
      try scan.finish()
    }
    let file = try log.export(20)
    try scan(file, log.leaves)
    try scan(file, log.leaves + [[1, 2, 3]])
    // The operator leaves the last entry out and says that there are twelve.
    let shorter = replacing(file.dropLast(), 0, #""entries":13"#, #""entries":12"#)
    #expect(fault(shorter, key) == nil)
    #expect(throws: ProofFault(line: 1, .hidden(entry: 13))) { try scan(shorter, log.leaves) }
    // Leaves without it are not the signed tree.
    #expect(throws: ProofFault(line: 1, .wrongLeaves)) { try scan(shorter, log.leaves.dropLast()) }
    #expect(throws: ProofFault(line: 1, .wrongLeaves)) { try scan(file, log.leaves.reversed()) }
    #expect(LeafBundle.decode([0]) == nil)
    #expect(LeafBundle.decode([0, 2, 1]) == nil)
  }
}

extension [[UInt8]] {
  /// The header alone, as of a file of some entries.
  fileprivate var promisingNothing: [[UInt8]] {
    guard var header = first.flatMap({ ProofFile.decode(ProofFile.Header.self, $0) }) else {
      return []
    }
    header.entries = nil
    return [ProofFile.encode(header)]
  }
}
