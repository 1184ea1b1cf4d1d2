import Cryptography
import HTTPTypes
import Providers

/// Where SDKs put the key they were given, which here is an access token of ours.
struct ProxyToken: Sendable {
  /// Beside `Authorization`, in the order in which they are looked at.
  let headerNames: [HTTPField.Name]

  init(catalogue: ProviderCatalogue) {
    let names =
      ["x-api-key", "api-key", "x-goog-api-key"]
      + catalogue.authenticationHeaderNames.sorted()
    var seen: Set<String> = ["authorization"]
    headerNames = names.filter { seen.insert($0).inserted }.compactMap { HTTPField.Name($0) }
  }

  /// The token; nil when no header has one.
  func token(in headers: HTTPFields) -> SecretBytes? {
    for text in [Self.authorization(headers)] + headerNames.map({ headers[$0] }) {
      if let text = text?.trimmingBlanks(), !text.isEmpty, text.utf8.count <= Credential.bytesMax {
        return SecretBytes(utf8: text)
      }
    }
    return nil
  }

  /// With or without a scheme in front: providers differ, and so do their SDKs.
  private static func authorization(_ headers: HTTPFields) -> String? {
    guard let header = headers[.authorization] else { return nil }
    let parts = header.split(atByte: " ", maxSplits: 1)
    return parts.count == 2 ? String(parts[1]) : header
  }
}
