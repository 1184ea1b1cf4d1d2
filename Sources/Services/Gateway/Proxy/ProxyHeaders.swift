import Backend
package import Cryptography
import Edge
package import HTTPTypes
package import NIOHTTP1
package import Providers

/// Which header fields pass between a client and a provider.
package struct ProxyHeaders: Sendable {
  /// For one connection only (RFC 9110, 7.6.1), or made anew by the HTTP client.
  private static let connectionFields: Set<String> = [
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade", "content-length", "host", "expect",
    "http2-settings",
  ]

  /// Who the client is, and what it holds of ours.
  private static let privateFields: Set<String> = [
    "cookie", "cookie2", "forwarded", "via", "x-real-ip", "x-request-id", "x-csrf-token",
    "origin", "referer", "true-client-ip", "cf-connecting-ip",
  ]
  private static let privatePrefixes = [
    "x-forwarded-", "x-chatelaine-", "chatelaine-", "sec-fetch-", "sec-ch-",
  ]

  /// What a provider must not tell a browser in our name.
  private static let foreignFields: Set<String> = [
    "set-cookie", "set-cookie2", "strict-transport-security", "content-security-policy",
    "content-security-policy-report-only", "public-key-pins", "clear-site-data", "alt-svc",
    "nel", "report-to", "reporting-endpoints", "service-worker-allowed", "refresh", "x-request-id",
    "server", "date",
  ]
  private static let foreignPrefixes = ["access-control-", "cross-origin-"]

  /// Fields in which a client may have put its access token, or a key of its own.
  private let tokenFields: Set<String>

  package init(token: ProxyToken) {
    tokenFields = Set(token.headerNames.map(\.canonicalName)).union(["authorization"])
  }

  /// The client's fields as the provider gets them, without any credential.
  package func forUpstream(_ fields: HTTPFields) -> HTTPHeaders {
    let named = Self.namedByConnection(fields[values: .connection])
    var headers = HTTPHeaders()
    for field in fields {
      let name = field.name.canonicalName
      let isDropped =
        Self.connectionFields.contains(name) || Self.privateFields.contains(name)
        || tokenFields.contains(name) || named.contains(name)
        || Self.privatePrefixes.contains(where: name.beginsWithBytes)
      if !isDropped { headers.add(name: name, value: field.value) }
    }
    return headers
  }

  /// The provider's fields as the client gets them; `content-length` stays, since the body does.
  package func forClient(_ headers: HTTPHeaders) -> HTTPFields {
    let named = Self.namedByConnection(headers[canonicalForm: "connection"].map(String.init))
    var fields = HTTPFields()
    for (name, value) in headers {
      let name = name.lowercasedASCII()
      let isDropped =
        (Self.connectionFields.contains(name) && name != "content-length")
        || Self.foreignFields.contains(name) || named.contains(name)
        || Self.foreignPrefixes.contains(where: name.beginsWithBytes)
      if !isDropped, let fieldName = HTTPField.Name(name), HTTPField.isValidValue(value) {
        fields.append(HTTPField(name: fieldName, value: value))
      }
    }
    return fields
  }

  /// `Connection` names further fields that are for this connection only.
  private static func namedByConnection(_ values: [String]) -> Set<String> {
    Set(values.flatMap { $0.split(atByte: ",").map { $0.trimmingBlanks().lowercasedASCII() } })
  }
}

/// Where SDKs put the key they were given, which here is an access token of ours.
package struct ProxyToken: Sendable {
  /// Beside `Authorization`, in the order in which they are looked at.
  package let headerNames: [HTTPField.Name]

  package init(catalogue: ProviderCatalogue) {
    let names =
      ["x-api-key", "api-key", "x-goog-api-key"]
      + catalogue.authenticationHeaderNames.sorted()
    var seen: Set<String> = ["authorization"]
    headerNames = names.filter { seen.insert($0).inserted }.compactMap { HTTPField.Name($0) }
  }

  /// The token; nil when no header has one.
  package func token(in headers: HTTPFields) -> SecretBytes? {
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
