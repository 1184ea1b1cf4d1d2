package import Cryptography

/// What stands in the tree for an entry of the audit log: two digests, from which nobody learns
/// anything who hasn't been shown the entry.
///
///     leaf       = 1, tag (32 bytes), SHA-256 of the canonical entry (32 bytes)
///     tag        = HMAC-SHA-256(key of the account, its entry's number as 8 bytes)
///     commitment = SHA-256(label, salt, personal fields)
///
/// The tag is a different one for each entry, so nobody sees which leaves are of one account; but
/// whoever has the account's key can look for the tag of an entry that they were not shown. The
/// salt can be destroyed together with the personal fields: the commitment remains, and with it
/// every proof, and nobody can try whether it is of a person that they think of.
package enum EntryLeaf {
  package static let byteCount = 1 + 2 * SHA256Digest.byteCount
  package static let saltBytes = 32
  package static let accountKeyBytes = 32

  private static let version: UInt8 = 1
  private static let entryLabel = "chatelaine.entry.v1"
  private static let personalLabel = "chatelaine.personal.v1"
  private static let nobodyLabel = "chatelaine.nobody.v1"

  package static func leaf(of entry: LoggedEntry, tag: [UInt8]) -> [UInt8] {
    [version] + tag + SHA256Digest.hash(canonical(entry))
  }

  /// The tag in a leaf of `byteCount` bytes.
  static func tag(of leaf: [UInt8]) -> [UInt8] {
    Array(leaf.dropFirst().prefix(SHA256Digest.byteCount))
  }

  /// The tag of the account's entry with this number, from 1.
  package static func tag(ofEntry number: UInt64, accountKey: SecretBytes) -> [UInt8] {
    HMACSHA256.authenticationCode(for: bigEndian(number), key: accountKey)
  }

  /// The tag of an entry that is in nobody's log.
  package static func tagOfNobody(salt: [UInt8]) -> [UInt8] {
    SHA256Digest.hash(canonical([nobodyLabel]) + salt)
  }

  package static func commitment(to fields: PersonalFields, salt: [UInt8]) -> [UInt8] {
    SHA256Digest.hash(
      canonical([personalLabel]) + salt
        + canonical([
          fields.accountID, fields.actorID, fields.actorName, fields.targetID, fields.targetName,
          fields.ipAddress, fields.userAgent, fields.requestID, fields.details,
        ]))
  }

  private static func canonical(_ entry: LoggedEntry) -> [UInt8] {
    canonical([
      entryLabel, "\(entry.sequence)", entry.id, "\(entry.timeMicroseconds)", entry.source,
      entry.action, "\(entry.outcome)", entry.actorType, entry.targetType,
      "\(entry.accountEntry)",
    ]) + entry.commitment
  }

  /// Each text behind its length in four bytes, so that no two lists read the same.
  private static func canonical(_ texts: [String]) -> [UInt8] {
    var bytes: [UInt8] = []
    for text in texts {
      let length = UInt32(truncatingIfNeeded: text.utf8.count)
      for shift in [24, 16, 8, 0] as [UInt32] {
        bytes.append(UInt8(truncatingIfNeeded: length >> shift))
      }
      bytes += text.utf8
    }
    return bytes
  }

  private static func bigEndian(_ number: UInt64) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
  }
}
