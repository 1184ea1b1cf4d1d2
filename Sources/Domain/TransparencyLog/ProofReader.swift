import Cryptography
import Encodings

/// Verifies a file of proofs line by line, with the log's public key and nothing else.
///
/// It holds no more than what the next line is compared with, so a file may be of any size.
package struct ProofReader: Sendable {
  package let checkpoint: Checkpoint
  package let header: ProofFile.Header
  /// Lines that hold, and of how many the personal fields were destroyed.
  package private(set) var entries: UInt64 = 0
  package private(set) var erased: UInt64 = 0
  package private(set) var first: ProofFile.Line?
  package private(set) var last: ProofFile.Line?

  private let accountKey: SecretBytes
  private var lineNumber = 1

  /// Reads the header and verifies its checkpoint.
  package init(header bytes: [UInt8], key: LogKey) throws(ProofFault) {
    guard let header = ProofFile.decode(ProofFile.Header.self, bytes),
      header.format == ProofFile.format,
      let accountKey = Base64.standard.decode(header.accountKey, padding: .optional),
      accountKey.count == EntryLeaf.accountKeyBytes
    else { throw ProofFault(line: 1, .unreadable) }
    do {
      checkpoint = try Checkpoint.verified(header.checkpoint, by: key)
    } catch {
      throw ProofFault(line: 1, .checkpoint(error))
    }
    self.header = header
    self.accountKey = SecretBytes(copying: accountKey)
  }

  /// Verifies the next entry; returns its leaf's hash.
  @discardableResult
  package mutating func read(_ bytes: [UInt8]) throws(ProofFault) -> MerkleHash {
    lineNumber += 1
    guard let line = ProofFile.decode(ProofFile.Line.self, bytes), let entry = line.entry else {
      throw ProofFault(line: lineNumber, .unreadable)
    }
    func fault(_ reason: ProofFault.Reason) -> ProofFault {
      ProofFault(line: lineNumber, sequence: line.sequence, reason)
    }
    try checkOrder(line)
    switch (line.personal, line.salt.flatMap { Base64.standard.decode($0, padding: .optional) }) {
    case (let personal?, let salt?):
      guard personal.accountID == header.account else { throw fault(.foreign) }
      guard EntryLeaf.commitment(to: personal, salt: salt) == entry.commitment else {
        throw fault(.changed)
      }
    case (nil, nil) where line.salt == nil: erased += 1
    default: throw fault(.unreadable)
    }
    let tag = EntryLeaf.tag(ofEntry: line.accountEntry, accountKey: accountKey)
    let leaf = MerkleHash.ofLeaf(EntryLeaf.leaf(of: entry, tag: tag))
    var path: [MerkleHash] = []
    for text in line.proof {
      guard let hash = MerkleHash(base64: text) else { throw fault(.unreadable) }
      path.append(hash)
    }
    // Sequences count from 1; one of 0 is in no tree.
    let proof = InclusionProof(leaf: line.sequence &- 1, size: checkpoint.size, path: path)
    guard proof.root(ofLeaf: leaf) == checkpoint.root else { throw fault(.notInTree) }
    entries += 1
    if first == nil { first = line }
    last = line
    return leaf
  }

  /// Entries of one account follow each other without a gap, and so do all that the tree has.
  private func checkOrder(_ line: ProofFile.Line) throws(ProofFault) {
    let expected = last.map { $0.accountEntry &+ 1 } ?? (header.entries == nil ? nil : 1)
    if let expected, line.accountEntry != expected {
      throw ProofFault(
        line: lineNumber, sequence: line.sequence,
        line.accountEntry > expected ? .missing(entry: expected) : .outOfOrder)
    }
    if let last, line.sequence <= last.sequence {
      throw ProofFault(line: lineNumber, sequence: line.sequence, .outOfOrder)
    }
  }

  /// Whether all is there that the header promises.
  package func finish() throws(ProofFault) {
    if let promised = header.entries, entries < promised {
      throw ProofFault(line: lineNumber + 1, .missing(entry: entries + 1))
    }
    if let promised = header.entries, entries > promised {
      throw ProofFault(line: lineNumber, .outOfOrder)
    }
  }

  /// The tags that the account's next entries would have: none may be among the log's leaves.
  package func tagsOfHiddenEntries(_ count: UInt64 = 16) -> [[UInt8]: UInt64] {
    let next = (last?.accountEntry ?? 0) + 1
    return Dictionary(
      uniqueKeysWithValues: (next..<next + count).map {
        (EntryLeaf.tag(ofEntry: $0, accountKey: accountKey), $0)
      })
  }

  /// Whether this file's tree continues the tree of an older checkpoint; nil when the file has no
  /// proof of it.
  package func continues(_ old: Checkpoint) throws(ProofFault) -> Bool? {
    guard old.origin == checkpoint.origin else {
      throw ProofFault(line: 1, .checkpoint(.foreign(origin: old.origin)))
    }
    if old.size > checkpoint.size { throw ProofFault(line: 1, .shrunk(oldSize: old.size)) }
    if old.size == checkpoint.size {
      guard old.root == checkpoint.root else {
        throw ProofFault(line: 1, .forked(oldSize: old.size))
      }
      return true
    }
    guard let consistency = header.consistency, consistency.oldSize == old.size else { return nil }
    let proof = ConsistencyProof(
      oldSize: old.size, newSize: checkpoint.size,
      path: consistency.path.compactMap { MerkleHash(base64: $0) })
    guard proof.isValid(oldRoot: old.root, newRoot: checkpoint.root) else {
      throw ProofFault(line: 1, .forked(oldSize: old.size))
    }
    return true
  }
}

/// The first thing in a file that is wrong.
package struct ProofFault: Error, Hashable {
  package enum Reason: Sendable, Hashable {
    /// It isn't what such a line holds.
    case unreadable
    case checkpoint(Checkpoint.Problem)
    /// The personal fields are not those that were committed to.
    case changed
    /// The entry, as it reads here, is not in the signed tree.
    case notInTree
    /// It is in another account's log.
    case foreign
    /// The account's entry with this number isn't there.
    case missing(entry: UInt64)
    case outOfOrder
    /// The tree doesn't begin with the older one: something before that size was changed.
    case forked(oldSize: UInt64)
    /// The tree has fewer entries than it had.
    case shrunk(oldSize: UInt64)
    /// The tree holds an entry of the account that the file doesn't.
    case hidden(entry: UInt64)
    /// The leaves are not those of the signed tree.
    case wrongLeaves
  }

  /// From 1.
  package let line: Int
  /// Of the entry at fault, where there is one.
  package let sequence: UInt64?
  package let reason: Reason

  package init(line: Int, sequence: UInt64? = nil, _ reason: Reason) {
    self.line = line
    self.sequence = sequence
    self.reason = reason
  }
}

extension ProofFault: CustomStringConvertible {
  package var description: String {
    let place = sequence.map { "entry \($0) (line \(line))" } ?? "line \(line)"
    switch reason {
    case .unreadable: return "\(place): is not a line of such a file"
    case .checkpoint(.malformed): return "\(place): the checkpoint can't be read"
    case .checkpoint(.foreign(let origin)):
      return "\(place): the checkpoint is of another log, \(origin)"
    case .checkpoint(.unsigned): return "\(place): the checkpoint isn't signed by the log's key"
    case .changed: return "\(place): was changed after it was recorded"
    case .notInTree: return "\(place): is not in the log as it reads here"
    case .foreign: return "\(place): is in another account's log"
    case .missing(let entry): return "\(place): the account's entry number \(entry) is missing"
    case .outOfOrder: return "\(place): is not in the order of the log"
    case .forked(let size):
      return "the log doesn't continue the one of \(size) entries that was seen before: "
        + "its past was changed"
    case .shrunk(let size):
      return "the log has fewer entries than the \(size) that were seen before"
    case .hidden(let entry):
      return "the log holds the account's entry number \(entry), and the file doesn't"
    case .wrongLeaves: return "the leaves are not those of the signed checkpoint"
    }
  }
}
