package import HTTPTypes

/// The headers that every response carries, errors too.
package struct SecurityHeaders: Sendable {
  /// A year, in seconds.
  static let transportSecurity = "max-age=31536000"
  static let pagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    + "require-trusted-types-for 'script'; trusted-types 'none'"
  /// Nothing may be loaded or run from what is not a page, whatever a provider sends.
  static let documentPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"

  private let forPages: [HTTPField]
  private let forDocuments: [HTTPField]

  /// With `isSecure`, browsers are told to come back by HTTPS only.
  package init(isSecure: Bool) {
    var common: [HTTPField] = [
      HTTPField(name: .xContentTypeOptions, value: "nosniff"),
      // Not `no-referrer`: browsers would then send forms with `Origin: null`.
      HTTPField(name: .referrerPolicy, value: "same-origin"),
      HTTPField(name: .openerPolicy, value: "same-origin"),
      HTTPField(name: .resourcePolicy, value: "same-origin"),
      HTTPField(
        name: .permissionsPolicy,
        value: "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ]
    if isSecure {
      common.append(HTTPField(name: .strictTransportSecurity, value: Self.transportSecurity))
    }
    forPages = common + [HTTPField(name: .contentSecurityPolicy, value: Self.pagePolicy)]
    forDocuments = common + [HTTPField(name: .contentSecurityPolicy, value: Self.documentPolicy)]
  }

  /// Sets them, over what a provider may have sent; without a caching rule nothing is stored.
  func apply(to headers: inout HTTPFields, surface: Surface, requestID: String) {
    for field in surface == .page ? forPages : forDocuments {
      headers[field.name] = field.value
    }
    if surface == .proxy {
      // The provider's own id keeps its name: SDKs show it, and the provider's support asks for it.
      headers[.chatelaineRequestID] = requestID
    } else {
      headers[.requestID] = requestID
    }
    if headers[.cacheControl] == nil { headers[.cacheControl] = "no-store" }
  }
}

/// Header fields that HTTPTypes has no constant for.
extension HTTPField.Name {
  package static let requestID = fixed("X-Request-Id")
  /// Ours, where `X-Request-Id` is the provider's.
  package static let chatelaineRequestID = fixed("X-Chatelaine-Request-Id")
  package static let forwardedFor = fixed("X-Forwarded-For")
  package static let csrfToken = fixed("X-CSRF-Token")
  package static let fetchSite = fixed("Sec-Fetch-Site")
  package static let referrerPolicy = fixed("Referrer-Policy")
  package static let permissionsPolicy = fixed("Permissions-Policy")
  package static let openerPolicy = fixed("Cross-Origin-Opener-Policy")
  static let accelBuffering = fixed("X-Accel-Buffering")
  package static let resourcePolicy = fixed("Cross-Origin-Resource-Policy")

  /// For names in source text: traps for one that no header may have.
  package static func fixed(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("not a field name: \(name)") }
    return name
  }
}

/// What every answer below the proxy says to caches and to reverse proxies in front of the gateway,
/// whatever a provider sent.
enum ProxiedAnswer {
  /// A reverse proxy takes these for orders from its own side: nginx would serve a file of its own
  /// for `X-Accel-Redirect`, and some caches believe theirs more than `Cache-Control`.
  private static let orders: Set<String> = [
    "x-sendfile", "x-lighttpd-send-file", "x-lighttpd-send-tempfile", "x-reproxy-url",
    "surrogate-control", "surrogate-key", "edge-control", "expires", "pragma",
  ]
  private static let orderPrefix = "x-accel-"
  private static let cacheControlSuffix = "-cache-control"

  /// - Parameter isStreamed: whether the body is passed on while it arrives.
  static func apply(to fields: inout HTTPFields, isStreamed: Bool) {
    for name in fields.map(\.name) where isOrder(name.canonicalName) { fields[name] = nil }
    fields[.cacheControl] = "private, no-store"
    // nginx holds answers back by default, events too.
    if isStreamed { fields[.accelBuffering] = "no" }
  }

  private static func isOrder(_ name: String) -> Bool {
    orders.contains(name) || name.beginsWithBytes(of: orderPrefix)
      || name.endsWithBytes(of: cacheControlSuffix)
  }
}
