import Cryptography
import FoundationEssentials
import Identity

/// One encrypted field of one row, in the form in which the database holds it.
///
///     offset  bytes  content
///          0      1  format, 1
///          1     16  id of the data key, a UUID
///         17     12  IV, random for each seal
///         29      n  ciphertext, AES-256-GCM, as long as the plaintext
///     29 + n     16  tag
///
/// The associated data is `FieldBinding.associatedData`. It names the user, the row, the field, the
/// provider and the origin, so a ciphertext that is moved anywhere else does not open. Format and
/// key id are not part of it: a change to either leads to another key or to none.
package struct SealedField: Sendable, Hashable {
  private static let format: UInt8 = 1
  private static let headerBytes = 1 + 16

  /// What the database holds; nothing about it is checked before it is opened.
  package let stored: [UInt8]

  package init(stored: [UInt8]) { self.stored = stored }

  /// Seals under a fresh IV.
  static func seal(
    _ plaintext: SecretBytes, with dataKey: DataKey, boundTo binding: FieldBinding
  ) throws(VaultError) -> SealedField {
    do {
      let box = try AES256GCM.seal(
        plaintext, key: dataKey.bytes, associatedData: binding.associatedData)
      return SealedField(stored: [format] + dataKey.id.octets + box.combined)
    } catch {
      throw .cannotSeal(detail: "\(binding): \(error)")
    }
  }

  /// Opens what was sealed with the same key and binding; every other field fails alike.
  func open(with dataKey: DataKey, boundTo binding: FieldBinding) throws(VaultError) -> SecretBytes
  {
    guard stored.first == Self.format, stored.count >= Self.headerBytes else {
      throw .cannotOpen(detail: "\(binding): not a sealed field of format \(Self.format)")
    }
    guard Array(stored[1..<Self.headerBytes]) == dataKey.id.octets,
      dataKey.userID == binding.userID
    else {
      throw .cannotOpen(detail: "\(binding): sealed with another data key than \(dataKey.id)")
    }
    do {
      let box = try SealedBox(combined: Array(stored[Self.headerBytes...]))
      return try AES256GCM.open(
        box, key: dataKey.bytes, associatedData: binding.associatedData)
    } catch {
      throw .cannotOpen(detail: "\(binding): \(error)")
    }
  }
}

extension UUID {
  /// The 16 octets of RFC 9562.
  var octets: [UInt8] { withUnsafeBytes(of: uuid) { Array($0) } }
}

/// Where a sealed field belongs; it opens nowhere else.
struct FieldBinding: Sendable, Hashable {
  /// The sealed fields of a configuration.
  enum Field: String, Sendable {
    case apiKey = "api_key"
    case baseURL = "base_url"
  }

  let userID: UserID
  let configID: UUID
  let field: Field
  let provider: String
  /// `scheme://host:port` of the endpoint that the key may be sent to.
  let origin: String

  init(_ config: ProviderConfig, _ field: Field) {
    userID = config.userID
    configID = config.id
    self.field = field
    provider = config.provider
    origin = config.origin
  }

  /// Each part behind its length, so that no two bindings have the same bytes.
  var associatedData: [UInt8] {
    AssociatedData.encode([
      Array("chatelaine sealed field v1".utf8), userID.uuid.octets, configID.octets,
      Array(field.rawValue.utf8), Array(provider.utf8), Array(origin.utf8),
    ])
  }
}

extension FieldBinding: CustomStringConvertible {
  /// Names the field for the operator's log.
  var description: String { "\(field.rawValue) of configuration \(configID)" }
}

/// The unambiguous encoding of what a ciphertext is bound to.
enum AssociatedData {
  /// Joins the parts, each behind its length as four bytes, most significant first.
  static func encode(_ parts: [[UInt8]]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(parts.reduce(0) { $0 + 4 + $1.count })
    for part in parts {
      withUnsafeBytes(of: UInt32(part.count).bigEndian) { bytes.append(contentsOf: $0) }
      bytes.append(contentsOf: part)
    }
    return bytes
  }
}
