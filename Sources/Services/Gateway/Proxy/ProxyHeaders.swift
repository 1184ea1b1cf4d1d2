import Edge
package import HTTPTypes
package import NIOHTTP1

/// Which header fields pass between a client and a provider.
package struct ProxyHeaders: Sendable {
  /// For one connection only (RFC 9110, 7.6.1), or made anew by the HTTP client.
  private static let connectionFields: Set<String> = [
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade", "content-length", "host", "expect",
    "http2-settings",
    // Another method than the one that the limits of a token were held against.
    "x-http-method", "x-http-method-override", "x-method-override",
  ]

  /// Who the client is, where it is and how it came here, as proxies in front of the portal tell,
  /// and what it holds of ours.
  private static let privateFields: Set<String> = [
    "cookie", "cookie2", "via", "x-csrf-token", "origin", "referer",
    // Where it is.
    "cf-connecting-ipv6", "cf-ipcountry", "cf-pseudo-ipv4", "cf-ray", "cf-visitor", "cf-worker",
    "cdn-loop", "x-azure-fdid", "x-azure-ref", "x-azure-socketip", "x-real-port",
    "x-envoy-external-address", "x-envoy-peer-metadata", "x-envoy-peer-metadata-id",
    "x-original-host", "x-original-url", "x-original-uri", "x-rewrite-url", "x-arr-log-id",
    "x-arr-ssl", "x-remote-ip", "x-remote-port", "x-proxy-user", "x-nf-client-connection-ip",
    // Who it is.
    "x-webauth-user", "x-userinfo", "x-user-info", "remote-email", "remote-groups", "remote-name",
    "x-email", "x-user-email", "x-groups", "x-auth-email", "x-auth-groups",
  ]
  /// By their first byte: each field of each request is looked at.
  private static let privatePrefixes = Dictionary(grouping: [
    "x-forwarded", "x-chatelaine-", "chatelaine-", "sec-fetch-", "sec-ch-", "cf-access-",
    "x-amzn-oidc-", "x-appengine-", "x-authentik-", "x-goog-iap-", "x-pomerium-", "x-vercel-ip-",
    "tailscale-", "x-ssl-", "ssl-client-", "x-client-dn", "cloudfront-", "fastly-", "fly-",
    "akamai-", "x-akamai-", "x-ms-token-", "x-consumer-", "x-credential-",
  ]) { $0.utf8.first }
  /// Whatever stands around them: `fastly-client-ip`, `x-original-forwarded-for`.
  private static let privateWords = TextSearch([
    "client-ip", "clientip", "connecting-ip", "real-ip", "user-ip", "cluster-ip",
    "originating-ip", "source-ip", "client-cert", "clientcert", "forwarded",
    "remote-addr", "remote-user", "auth-request-", "auth-user", "authenticated-user",
    "client-principal", "oidc", "jwt-assertion",
  ])

  /// What a provider must not tell a browser in our name.
  private static let foreignFields: Set<String> = [
    "set-cookie", "set-cookie2", "strict-transport-security", "content-security-policy",
    "content-security-policy-report-only", "public-key-pins", "clear-site-data", "alt-svc",
    "nel", "report-to", "reporting-endpoints", "service-worker-allowed", "refresh", "server",
    "date",
  ]
  private static let foreignPrefixes = ["access-control-", "cross-origin-", "x-chatelaine-"]

  /// What each request to a provider says of its way (RFC 9110, 7.6.3). A request that comes with
  /// it has been here before.
  private static let via = (protocolVersion: "1.1", name: "chatelaine")

  /// Fields in which a client may have put its access token, or a key of its own.
  private let credentials: CredentialFields

  package init(credentials: CredentialFields) {
    self.credentials = credentials
  }

  /// Whether a field is about the client and not for the provider, by its name.
  static func isPrivate(_ canonicalName: String) -> Bool {
    privateFields.contains(canonicalName)
      || privatePrefixes[canonicalName.utf8.first]?
        .contains(where: canonicalName.beginsWithBytes) == true
      || privateWords.finds(in: canonicalName)
  }

  /// Whether the request has been through this portal already.
  package static func haveComeBack(_ fields: HTTPFields) -> Bool {
    fields[values: .via].flatMap { $0.split(atByte: ",") }.contains { member in
      let words = member.trimmingBlanks().split(atByte: " ")
      guard words.count > 1 else { return false }
      let name = words[1].split(atByte: ":", maxSplits: 1).first ?? ""
      return name.lowercasedASCII().hasBytes(of: via.name)
    }
  }

  /// The client's fields as the provider gets them, without any credential; `token` is in none.
  package func forUpstream(_ fields: HTTPFields, without token: ProxyToken) -> HTTPHeaders {
    let named = Self.namedByConnection(fields[values: .connection])
    var headers = HTTPHeaders()
    for field in fields {
      let name = field.name.canonicalName
      let isDropped =
        Self.connectionFields.contains(name) || Self.isPrivate(name) || named.contains(name)
        || credentials.contains(name) || token.isHeld(in: field.name.rawName)
      guard !isDropped else { continue }
      if !token.isHeld(in: field.value) {
        headers.add(name: name, value: field.value)
      } else if field.name == .webSocketProtocol {
        // A list, and the provider chooses from the rest of it.
        let rest = field.value.split(atByte: ",").filter { !token.isHeld(in: $0) }
        if !rest.isEmpty { headers.add(name: name, value: rest.joined(separator: ",")) }
      }
    }
    headers.add(name: "via", value: "\(Self.via.protocolVersion) \(Self.via.name)")
    return headers
  }

  /// The provider's fields as the client gets them; `content-length` stays, since the body does.
  /// Those with addresses are for `ProxyAddresses`.
  package func forClient(_ headers: HTTPHeaders) -> HTTPFields {
    let named = Self.namedByConnection(headers[canonicalForm: "connection"].map(String.init))
    var fields = HTTPFields()
    for (name, value) in headers {
      let name = name.lowercasedASCII()
      let isDropped =
        (Self.connectionFields.contains(name) && name != "content-length")
        || Self.foreignFields.contains(name) || named.contains(name)
        || ProxyAddresses.isAddress(name)
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

extension HTTPField.Name {
  fileprivate static let via = fixed("Via")
  fileprivate static let webSocketProtocol = fixed("Sec-WebSocket-Protocol")
}
