package import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// The headers that every response carries, errors too.
package struct SecurityHeaders: Sendable {
  /// Half a year, in seconds.
  static let transportSecurity = "max-age=15768000"
  static let pagePolicy =
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    + "frame-ancestors 'none'; base-uri 'none'"
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

/// Adds the security headers to answers that never reached the responder: the server's own reply
/// to a request that can't be parsed.
final class BareResponseHeaders: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let headers: SecurityHeaders

  init(_ headers: SecurityHeaders) {
    self.headers = headers
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard case .head(var head) = unwrapOutboundIn(data), head.headerFields[.requestID] == nil else {
      context.write(data, promise: promise)
      return
    }
    headers.apply(to: &head.headerFields, surface: .plain, requestID: RequestID.make())
    context.write(wrapOutboundOut(.head(head)), promise: promise)
  }
}

@available(*, unavailable)
extension BareResponseHeaders: Sendable {}

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
  package static let resourcePolicy = fixed("Cross-Origin-Resource-Policy")

  /// For names in source text: traps for one that no header may have.
  package static func fixed(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("not a field name: \(name)") }
    return name
  }
}
