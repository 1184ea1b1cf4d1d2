/// What a log says of itself: how many leaves it has and the root of their tree (C2SP
/// tlog-checkpoint). Whoever has two of them can ask for the proof that nothing changed between.
package struct Checkpoint: Sendable, Hashable {
  /// The log's name, that of its key.
  package let origin: String
  package let size: UInt64
  package let root: MerkleHash

  package init(origin: String, size: UInt64, root: MerkleHash) {
    self.origin = origin
    self.size = size
    self.root = root
  }

  /// Reads a note's text; nil for anything else. Lines after the third are allowed and say nothing
  /// here.
  package init?(text: String) {
    guard text.hasSuffix("\n") else { return nil }
    let lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 3, !lines[0].isEmpty, !lines.dropFirst(3).contains(""),
      let size = UInt64(lines[1]), String(size) == lines[1], size <= MerkleTree.sizeMax,
      let root = MerkleHash(base64: lines[2])
    else { return nil }
    self.init(origin: String(lines[0]), size: size, root: root)
  }

  package var text: String { "\(origin)\n\(size)\n\(root)\n" }
}

extension Checkpoint {
  /// Why a note is no checkpoint of a log.
  package enum Problem: Error, Hashable {
    /// It isn't a signed note, or its text no checkpoint.
    case malformed
    /// It is another log's.
    case foreign(origin: String)
    /// No signature of the log's key is valid.
    case unsigned
  }

  /// Reads a checkpoint that the log's key has signed.
  package static func verified(
    _ note: String, by key: LogKey
  ) throws(Problem) -> Checkpoint {
    guard let note = SignedNote(note), let checkpoint = Checkpoint(text: note.text) else {
      throw .malformed
    }
    guard checkpoint.origin == key.name else { throw .foreign(origin: checkpoint.origin) }
    guard key.hasSigned(note) else { throw .unsigned }
    return checkpoint
  }
}
