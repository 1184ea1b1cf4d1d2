package import Edge
import Encodings
import HTTPTypes

/// Which provider an address below `/proxy/` leads to, by which of its keys, and to what there.
///
/// - `/proxy/{provider}/…`: the key labelled by `X-Chatelaine-Label`, else the default one.
/// - `/proxy/custom/{label}/…`: the custom endpoint of that label.
package struct ProxyTarget: Sendable {
  package static let customProvider = "custom"

  package let providerID: String
  /// Empty: the key labelled `default`, else the oldest one.
  package private(set) var label: String
  /// The portal's part of the path, as sent: `/proxy/openai`, `/proxy/custom/lab`.
  package let prefix: String
  /// The provider's part of the path, as sent; begins with a slash.
  package let path: String
  /// As sent, without the question mark and a grant; nil where there is none.
  package let query: String?
  /// What `UploadGrants` put into the address, as sent; it must not be opened for any other.
  package let grant: String?

  /// - Throws: a problem that says what the address lacks.
  package init(_ target: RequestTarget, labelField: String) throws(Problem) {
    let segments = target.segments
    guard segments.count > 1, let provider = PercentCoding.decode(segments[1]), !provider.isEmpty
    else { throw Problem(.notFound, "the address names no provider: /proxy/openai/v1/models") }
    var ownCount = 2
    if provider.hasBytes(of: Self.customProvider) {
      // Never without a label: another endpoint's key would go to another endpoint.
      guard segments.count > 2, let label = PercentCoding.decode(segments[2]), !label.isEmpty else {
        throw Problem(
          .notFound, "the address names no endpoint: /proxy/custom/<label>/v1/models")
      }
      self.label = label
      ownCount = 3
    } else {
      label = labelField.trimmingBlanks()
    }
    providerID = provider
    prefix = "/" + segments[..<ownCount].joined(separator: "/")
    guard segments.count > ownCount else {
      throw Problem(
        .notFound,
        "add the path behind the \(ownCount == 3 ? "label" : "provider"): \(prefix)/v1/models")
    }
    path = "/" + segments[ownCount...].joined(separator: "/")
    var query = ProxyQuery(target.query.map(String.init))
    grant = query.removeGrant()
    self.query = query.text
  }

  /// The same place, by the key that the upload was begun with.
  package mutating func take(_ grant: UploadGrants.Grant) { label = grant.label }
}

/// A query as text: taken apart, not decoded, since it is only passed on.
package struct ProxyQuery: Sendable {
  /// Google's REST examples and some SDKs send the key so.
  private static let keyParameter = "key"
  /// How an upload begins whose address stands in `Location`, in Google's APIs.
  private static let beginningOfUpload = "uploadType=resumable"

  /// What goes to the provider; nil where there was no query, or nothing is left of it.
  package private(set) var text: String?

  package init(_ text: String?) {
    self.text = text
  }

  /// The access token of the parameter `key`; nil when its value is no such thing.
  package var token: ProxyToken? {
    for value in values(of: Self.keyParameter) {
      if let token = ProxyToken(value[...]) { return token }
    }
    return nil
  }

  /// Takes out the parameter `key` where its value is a token of ours.
  package mutating func remove(_ token: ProxyToken) {
    guard let text, token.isHeld(in: text) else { return }
    keep { parameter in
      guard let value = Self.value(of: Self.keyParameter, in: parameter) else { return true }
      return !token.isHeld(in: value)
    }
  }

  /// Takes out what an upload's address was given; nil where there is none. Of several, which no
  /// address has, none opens.
  mutating func removeGrant() -> String? {
    let values = values(of: UploadGrants.parameter)
    guard !values.isEmpty else { return nil }
    keep { Self.value(of: UploadGrants.parameter, in: $0) == nil }
    return values.joined(separator: "&")
  }

  /// Whether the provider's `Location` will be an upload's address.
  var beginsUpload: Bool {
    parameters.contains { $0.hasBytes(of: Self.beginningOfUpload) }
  }

  private var parameters: [Substring] { text.map(Self.parameters) ?? [] }

  private mutating func keep(_ isKept: (Substring) -> Bool) {
    let kept = parameters.filter(isKept)
    text = kept.isEmpty ? nil : kept.joined(separator: "&")
  }

  private func values(of name: String) -> [String] {
    parameters.compactMap { Self.value(of: name, in: $0) }
  }

  private static func parameters(of text: String) -> [Substring] {
    text.split(atByte: "&", omittingEmpty: false)
  }

  private static func value(of name: String, in parameter: Substring) -> String? {
    let parts = parameter.split(atByte: "=", maxSplits: 1, omittingEmpty: false)
    guard parts.count == 2, decoded(parts[0]).hasBytes(of: name) else { return nil }
    return decoded(parts[1])
  }

  private static func decoded(_ text: Substring) -> String {
    Array(text.utf8).withUnsafeBytes { PercentCoding.decodeLeniently($0) }
  }
}
