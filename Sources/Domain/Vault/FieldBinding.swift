import FoundationEssentials
import Identity

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
