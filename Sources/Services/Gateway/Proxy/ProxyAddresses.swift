package import Edge
package import HTTPTypes
package import NIOHTTP1
package import Providers

/// The addresses that a provider names in its answer, as they are below the proxy.
///
/// SDKs follow them with the access token: only `Authorization` is taken away by their HTTP clients
/// when the host changes, not `x-api-key`. So an address of the endpoint becomes one of the portal,
/// and any other is not passed on.
package struct ProxyAddresses: Sendable {
  /// What a client does with an address.
  private enum Use {
    /// Resolves it against the address that it asked.
    case resolved
    /// Takes it as it is, and shows its credential there.
    case whole
    /// Takes it as it is, and shows nothing there: knowing it is enough.
    case upload
  }

  /// Fields that hold an address (RFC 9110, 10.2.2 and 8.7).
  private static let fields: [String: Use] = [
    "location": .resolved, "content-location": .resolved, "link": .resolved,
    // Long work at Azure, and at Google an upload in pieces.
    "operation-location": .whole, "azure-asyncoperation": .whole, "x-goog-upload-url": .upload,
    "x-goog-upload-control-url": .upload,
  ]

  let target: ProxyTarget
  let provider: Provider
  /// The user's base URL; nil for the catalogue's.
  let baseURL: EndpointURL?
  /// Where the request went.
  let endpoint: EndpointURL
  let publicOrigin: String
  let grants: UploadGrants
  /// What the request was sent with.
  let token: ProxyToken

  package init(
    target: ProxyTarget, provider: Provider, baseURL: EndpointURL?, endpoint: EndpointURL,
    publicOrigin: String, grants: UploadGrants, token: ProxyToken
  ) {
    self.target = target
    self.provider = provider
    self.baseURL = baseURL
    self.endpoint = endpoint
    self.publicOrigin = publicOrigin
    (self.grants, self.token) = (grants, token)
  }

  package static func isAddress(_ canonicalName: String) -> Bool { fields[canonicalName] != nil }

  /// The fields with addresses, as the client gets them. One that leads elsewhere is left out; of a
  /// redirect there would be nothing left, so that it is refused.
  package func fields(
    of headers: HTTPHeaders, status: HTTPResponse.Status
  ) throws(Problem) -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in headers {
      let name = name.lowercasedASCII()
      guard let use = use(of: name, status), let fieldName = HTTPField.Name(name) else {
        continue
      }
      let passed: String? =
        switch use {
        case .resolved: name.hasBytes(of: "link") ? link(value) : proxied(value)
        case .whole: proxied(value).map { publicOrigin + $0 }
        case .upload: uploadAddress(value)
        }
      if let passed {
        fields.append(HTTPField(name: fieldName, value: passed))
      } else if status.kind == .redirection, fieldName == .location {
        throw refusal(of: value)
      }
    }
    return fields
  }

  private func use(of name: String, _ status: HTTPResponse.Status) -> Use? {
    let use = Self.fields[name]
    let isUpload =
      name.hasBytes(of: "location") && status.kind == .successful
      && ProxyQuery(target.query).beginsUpload
    return isUpload ? .upload : use
  }

  private func refusal(of location: String) -> Problem {
    // Without path and query, which may hold a secret.
    let place =
      Self.authority(of: location, scheme: endpoint.scheme).flatMap { try? EndpointURL($0.base) }
      .map(\.description) ?? "an address that the proxy doesn't serve"
    return Problem(
      .badGateway,
      "the provider redirects to \(place): the access token must not go there. Where that is its "
        + "new address, store the key with it", headers: [.shouldRetry: "false"])
  }

  // MARK: One address

  /// The path and query below the portal that lead to what `reference` names; nil if none do.
  func proxied(_ reference: String) -> String? {
    guard let place = resolved(reference) else { return nil }
    let end = place.utf8.firstIndex { "?#".utf8.contains($0) } ?? place.endIndex
    let path = Self.removingDots(place[..<end])
    var candidates = [path]
    let base = (baseURL ?? endpoint).path
    if !base.isEmpty, path.beginsWithBytes(of: base + "/") {
      candidates.insert(String(Substring(path.utf8.dropFirst(base.utf8.count))), at: 0)
    }
    // What the proxy would make of it must be what the provider meant.
    let found = candidates.first { candidate in
      let base = baseURL ?? provider.baseURL(forPath: candidate).flatMap { try? EndpointURL($0) }
      return base?.path(below: candidate).hasBytes(of: path) == true
    }
    guard let found else { return nil }
    let below = target.prefix + found
    guard (try? RequestTarget(below)) != nil else { return nil }
    return below + place[end...]
  }

  /// The whole address below the portal, with a grant for it; nil also when it would be too long.
  private func uploadAddress(_ reference: String) -> String? {
    guard let path = proxied(reference) else { return nil }
    // A fragment is never sent.
    let address = String(Substring(path.utf8.prefix { $0 != UInt8(ascii: "#") }))
    guard let own = try? RequestTarget(address),
      let place = try? ProxyTarget(own, labelField: target.label), place.grant == nil,
      let grant = grants.seal(token, for: place)
    else { return nil }
    let whole = "\(address)\(place.query == nil ? "?" : "&")\(UploadGrants.parameter)=\(grant)"
    return whole.utf8.count <= RequestTarget.bytesMax ? publicOrigin + whole : nil
  }

  /// Resolves a reference against the request's address (RFC 3986, 5.2), as far as it stays at the
  /// endpoint: path, query and fragment.
  private func resolved(_ reference: String) -> String? {
    let bytes = reference.utf8
    guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else {
      return nil
    }
    if Self.hasScheme(reference) || reference.beginsWithBytes(of: "//") {
      guard let (base, rest) = Self.authority(of: reference, scheme: endpoint.scheme),
        let place = try? EndpointURL(base), isEndpoint(place)
      else { return nil }
      return rest.beginsWithBytes(of: "/") ? rest : "/" + rest
    }
    let own = endpoint.path(below: target.path)
    switch bytes.first {
    case UInt8(ascii: "/"): return reference
    case UInt8(ascii: "?"): return own + reference
    case nil, UInt8(ascii: "#"): return own + (target.query.map { "?\($0)" } ?? "") + reference
    default:
      let folder = own.utf8.lastIndex(of: UInt8(ascii: "/")).map { own[...$0] } ?? "/"
      return folder + reference
    }
  }

  /// A server behind something that ends TLS for it calls itself `http://`.
  private func isEndpoint(_ place: EndpointURL) -> Bool {
    guard place.host == endpoint.host else { return false }
    return place.origin.hasBytes(of: endpoint.origin)
      || endpoint.scheme == .https && endpoint.port == endpoint.scheme.defaultPort
        && place.scheme == .http && place.port == place.scheme.defaultPort
  }

  private static func hasScheme(_ reference: String) -> Bool {
    let head = reference.utf8.prefix { !":/?#".utf8.contains($0) }
    return reference.utf8[head.endIndex...].first == UInt8(ascii: ":")
  }

  /// Scheme and authority of an absolute or network-path reference, and what follows them.
  private static func authority(
    of reference: String, scheme: EndpointURL.Scheme
  ) -> (base: String, rest: String)? {
    let text = reference.beginsWithBytes(of: "//") ? "\(scheme.rawValue):\(reference)" : reference
    let head = text.utf8.prefix { $0 != UInt8(ascii: ":") }
    let behind = text.utf8[head.endIndex...]
    guard behind.starts(with: "://".utf8) else { return nil }
    let end = behind.dropFirst(3).firstIndex { "/?#".utf8.contains($0) } ?? text.endIndex
    return (String(text[..<end]), String(text[end...]))
  }

  /// RFC 3986, 5.2.4.
  private static func removingDots(_ path: Substring) -> String {
    var kept: [Substring] = []
    let segments = path.dropFirst().split(atByte: "/", omittingEmpty: false)
    for (index, segment) in segments.enumerated() {
      let isLast = index == segments.count - 1
      if segment.hasBytes(of: "..") { kept = kept.dropLast() }
      if segment.hasBytes(of: "..") || segment.hasBytes(of: ".") {
        if isLast { kept.append("") }
      } else {
        kept.append(segment)
      }
    }
    return "/" + kept.joined(separator: "/")
  }

  // MARK: Links

  /// A list of links (RFC 8288); nil when one leads elsewhere. One that a client resolves against
  /// the path that it asked leads to the same place below the proxy.
  private func link(_ value: String) -> String? {
    var text = ""
    var rest = value[...]
    while let start = rest.utf8.firstIndex(of: UInt8(ascii: "<")) {
      guard let end = rest[start...].utf8.firstIndex(of: UInt8(ascii: ">")) else { return nil }
      let reference = String(rest[rest.utf8.index(after: start)..<end])
      var address = reference
      if Self.hasScheme(reference) || reference.beginsWithBytes(of: "/") {
        guard let path = proxied(reference) else { return nil }
        address = path
      }
      text += rest[..<start] + "<" + address + ">"
      rest = rest[rest.utf8.index(after: end)...]
    }
    return text + rest
  }
}
