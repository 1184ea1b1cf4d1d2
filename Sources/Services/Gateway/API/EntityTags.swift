import Edge
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The etag of a configuration as HTTP has it: `ETag` of what is answered, and `If-Match` of a
/// change (RFC 9110, 8.8.3 and 13.1.1).
enum EntityTags {
  /// The longest that is looked at, in bytes; ours are numbers.
  private static let bytesMax = 64

  /// Methods of one configuration, by their paths; their requests take an etag where they change
  /// something.
  static let methods: Set<String> = [
    VaultAPI.VaultMethods.createProviderConfig.path,
    VaultAPI.VaultMethods.getProviderConfig.path,
    VaultAPI.VaultMethods.updateProviderConfig.path,
    VaultAPI.VaultMethods.deleteProviderConfig.path,
    VaultAPI.VaultMethods.enableProviderConfig.path,
    VaultAPI.VaultMethods.disableProviderConfig.path,
    VaultAPI.VaultMethods.restoreProviderConfigVersion.path,
    VaultAPI.VaultMethods.stageKey.path,
    VaultAPI.VaultMethods.switchKeys.path,
    VaultAPI.VaultMethods.dropSecondKey.path,
    VaultAPI.VaultMethods.undeleteProviderConfig.path,
  ]

  /// Methods that change one that is there already.
  private static let changes = methods.subtracting([
    VaultAPI.VaultMethods.createProviderConfig.path,
    VaultAPI.VaultMethods.getProviderConfig.path,
    VaultAPI.VaultMethods.undeleteProviderConfig.path,
  ])

  /// What `If-Match` names; nil without one, for `*`, which anything that is there matches, and for
  /// methods that change nothing.
  static func wanted(by headers: HTTPFields, of method: String) throws(Problem) -> String? {
    guard changes.contains(method) else { return nil }
    guard let text = headers[.ifMatch], !text.utf8.elementsEqual("*".utf8) else { return nil }
    let bytes = Array(text.utf8)
    let quote = UInt8(ascii: "\"")
    guard (3...bytesMax).contains(bytes.count), bytes.first == quote, bytes.last == quote,
      !bytes.dropFirst().dropLast().contains(where: { $0 == quote || $0 <= 0x20 || $0 > 0x7E })
    else {
      throw Problem(
        .badRequest,
        "If-Match must be one entity tag as ETag gave it, in quotation marks, e.g. \"3\", or *")
    }
    return String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
  }

  /// `ETag` for a configuration in JSON; nil for what has none.
  static func field(of json: [UInt8]) -> String? {
    guard case .object(let members)? = try? JSONParser.parse(json),
      case .string(let etag)? = members.first(where: { $0.name.utf8.elementsEqual("etag".utf8) })?
        .value, !etag.isEmpty
    else { return nil }
    return "\"\(etag)\""
  }
}
