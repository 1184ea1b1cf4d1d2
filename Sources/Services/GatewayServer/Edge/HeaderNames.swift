import HTTPTypes

/// Header fields that HTTPTypes has no constant for.
extension HTTPField.Name {
  static let requestID = fixed("X-Request-Id")
  static let forwardedFor = fixed("X-Forwarded-For")
  static let traceParent = fixed("traceparent")
  static let traceState = fixed("tracestate")
  static let csrfToken = fixed("X-CSRF-Token")
  static let fetchSite = fixed("Sec-Fetch-Site")
  static let referrerPolicy = fixed("Referrer-Policy")
  static let permissionsPolicy = fixed("Permissions-Policy")
  static let openerPolicy = fixed("Cross-Origin-Opener-Policy")
  static let resourcePolicy = fixed("Cross-Origin-Resource-Policy")
  static let keyLabel = fixed("X-Chatelaine-Label")

  private static func fixed(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("not a field name: \(name)") }
    return name
  }
}
