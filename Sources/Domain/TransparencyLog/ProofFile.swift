import Encodings
import FoundationEssentials

/// The lines of a file with which anybody verifies entries: a header, then one line for each entry,
/// all JSON.
package enum ProofFile {
  package static let format = "chatelaine.log.v1"
  /// Bytes of a line that is looked at: an entry's details, escaped, and its proof.
  package static let lineBytesMax = 256 << 10

  /// What the entries are proved against.
  package struct Header: Sendable, Hashable, Codable {
    package var format = ProofFile.format
    /// The signed note.
    package var checkpoint: String
    /// Whose log it is.
    package var account: String
    /// The account's key in base 64: it tells which leaves are the account's, and nothing else.
    package var accountKey: String
    /// How many entries of the account the tree holds; nil where the file isn't all of them.
    package var entries: UInt64?
    /// That this checkpoint continues an older one.
    package var consistency: Consistency?

    package init(
      checkpoint: String, account: String, accountKey: String, entries: UInt64?,
      consistency: Consistency? = nil
    ) {
      self.checkpoint = checkpoint
      self.account = account
      self.accountKey = accountKey
      self.entries = entries
      self.consistency = consistency
    }
  }

  package struct Consistency: Sendable, Hashable, Codable {
    package var oldSize: UInt64
    /// In base 64.
    package var path: [String]

    package init(oldSize: UInt64, path: [MerkleHash]) {
      self.oldSize = oldSize
      self.path = path.map(\.description)
    }
  }

  /// One entry and its proof.
  package struct Line: Sendable, Hashable, Codable {
    package var sequence: UInt64
    package var id: String
    package var timeMicroseconds: Int64
    package var source: String
    package var action: String
    package var outcome: Int
    package var actorType: String
    package var targetType: String
    package var accountEntry: UInt64
    /// In base 64, as salt and proof.
    package var commitment: String
    /// Nil, as the personal fields, where both were destroyed.
    package var salt: String?
    package var personal: PersonalFields?
    package var proof: [String]

    package init(
      _ entry: LoggedEntry, personal: PersonalFields?, salt: [UInt8]?, proof: [MerkleHash]
    ) {
      sequence = entry.sequence
      id = entry.id
      timeMicroseconds = entry.timeMicroseconds
      source = entry.source
      action = entry.action
      outcome = entry.outcome
      actorType = entry.actorType
      targetType = entry.targetType
      accountEntry = entry.accountEntry
      commitment = Base64.standard.encode(entry.commitment, isPadded: true)
      self.salt = salt.map { Base64.standard.encode($0, isPadded: true) }
      self.personal = personal
      self.proof = proof.map(\.description)
    }

    /// Nil for a commitment that isn't base 64.
    package var entry: LoggedEntry? {
      guard let commitment = Base64.standard.decode(commitment, padding: .optional) else {
        return nil
      }
      return LoggedEntry(
        sequence: sequence, id: id, timeMicroseconds: timeMicroseconds, source: source,
        action: action, outcome: outcome, actorType: actorType, targetType: targetType,
        accountEntry: accountEntry, commitment: commitment)
    }
  }

  /// A line's bytes, without its end.
  package static func encode(_ line: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Texts and numbers always encode.
    return (try? encoder.encode(line)).map { Array($0) } ?? []
  }

  /// Nil for what isn't such a line.
  package static func decode<Line: Decodable>(_ type: Line.Type, _ bytes: [UInt8]) -> Line? {
    guard bytes.count <= lineBytesMax else { return nil }
    return try? JSONDecoder().decode(type, from: Data(bytes))
  }
}
