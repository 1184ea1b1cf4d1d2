import Cryptography
import Encodings

/// A SHA-256 hash of a leaf or of a subtree (RFC 9162, 2.1.1).
package struct MerkleHash: Sendable, Hashable {
  package static let byteCount = SHA256Digest.byteCount
  /// What is put before a leaf and before two hashes, so that neither passes for the other.
  private static let leafPrefix: UInt8 = 0
  private static let nodePrefix: UInt8 = 1

  package let bytes: [UInt8]

  /// Nil unless there are `byteCount` bytes.
  package init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = Array(bytes)
  }

  private init(digest: [UInt8]) { bytes = digest }

  /// Of a tree without leaves.
  package static let ofNothing = MerkleHash(digest: SHA256Digest.hash([]))

  package static func ofLeaf(_ leaf: [UInt8]) -> MerkleHash {
    var message: [UInt8] = []
    message.reserveCapacity(leaf.count + 1)
    message.append(leafPrefix)
    message += leaf
    return MerkleHash(digest: SHA256Digest.hash(message))
  }

  package static func ofNode(_ left: MerkleHash, _ right: MerkleHash) -> MerkleHash {
    var message: [UInt8] = []
    message.reserveCapacity(2 * byteCount + 1)
    message.append(nodePrefix)
    message += left.bytes
    message += right.bytes
    return MerkleHash(digest: SHA256Digest.hash(message))
  }

  /// Of neighbours that are the leaves of a complete subtree: 1, 2, 4 ... of them.
  package static func ofComplete(_ hashes: some Collection<MerkleHash>) -> MerkleHash? {
    var row = Array(hashes)
    guard row.count > 0, row.count & (row.count - 1) == 0 else { return nil }
    while row.count > 1 {
      row = stride(from: 0, to: row.count, by: 2).map { ofNode(row[$0], row[$0 + 1]) }
    }
    return row.first
  }
}

extension MerkleHash: CustomStringConvertible {
  /// In base 64, as checkpoints write it.
  package var description: String { Base64.standard.encode(bytes, isPadded: true) }

  /// Reads base 64 with its padding; nil for anything else.
  package init?(base64 text: some StringProtocol) {
    guard let bytes = Base64.standard.decode(text, padding: .optional) else { return nil }
    self.init(bytes)
  }
}
