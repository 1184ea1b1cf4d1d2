package import Backend
import Callers
package import Edge
import HTTPTypes
import NIOCore
import Protobuf
import RPC
import ServiceAPI

/// The JSON API: every method with a `google.api.http` rule, mounted where the rule says.
package struct JSONRoutes: Sendable {
  /// The largest request body.
  package static let bodyBytesMax = 256 << 10

  /// Methods that can be called without having proved anything.
  static let openMethods = Set(
    [
      AuthAPI.AuthMethods.createAccount, AuthAPI.AuthMethods.requestPasswordReset,
      AuthAPI.AuthMethods.resetPassword, AuthAPI.AuthMethods.redeemLink,
      AuthAPI.AuthMethods.beginPasskeyLogIn, AuthAPI.AuthMethods.listLogInProviders,
    ].map(\.path))

  /// Looks at a request's body before it is sent to the service, and throws what is wrong with it.
  package typealias BodyCheck = @Sendable (_ body: [UInt8]) throws -> Void

  private let services: Services
  private let authenticator: Authenticator
  private let bodyChecks: [String: BodyCheck]

  /// - Parameter bodyChecks: by the path of the method, for bodies that aren't empty.
  package init(
    services: Services, authenticator: Authenticator, bodyChecks: [String: BodyCheck] = [:]
  ) {
    self.services = services
    self.authenticator = authenticator
    self.bodyChecks = bodyChecks
  }

  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    var routes: [Edge.Route] = []
    for (service, methods) in [
      ("auth", AuthAPI.AuthClient.transcodedMethods),
      ("vault", VaultAPI.VaultClient.transcodedMethods),
      ("audit", AuditAPI.AuditClient.transcodedMethods),
    ] {
      guard let channel = services.channels[service] else { continue }
      for method in methods {
        for rule in method.descriptor.httpRules {
          routes.append(
            try Edge.Route([rule.verb], rule.template, .api) { exchange in
              try await answer(exchange, method, rule, over: channel)
            })
        }
      }
    }
    return routes
  }

  private func answer(
    _ exchange: Exchange, _ method: TranscodedMethod, _ rule: HTTPRule, over channel: any RPCChannel
  ) async throws -> Response {
    let options: CallOptions
    if Self.openMethods.contains(method.descriptor.path) {
      try authenticator.provenance.check(exchange.head)
      options = exchange.strangersOptions
    } else {
      options = try await authenticator.visitor(of: exchange, calling: method.descriptor)
        .options(for: exchange)
    }
    let hasBody = rule.body != .none
    // Where the body is the request, a query could only smuggle fields, secrets among them.
    guard !hasBody || exchange.target.query == nil else {
      throw Problem(.badRequest, "this address takes no query parameters")
    }
    let isOfConfig = EntityTags.methods.contains(method.descriptor.path)
    let etag = try EntityTags.wanted(by: exchange.headers, of: method.descriptor.path)
    let input = TranscodingInput(
      pathVariables: exchange.variables + (etag.map { [("etag", $0)] } ?? []),
      query: try exchange.parameters().map { ($0.name, Self.restoringOffset($0.value)) },
      body: hasBody ? try await Self.body(of: exchange) : [])
    if !input.body.isEmpty { try bodyChecks[method.descriptor.path]?(input.body) }
    let json = try await method.call(channel, rule, input, options)
    if rule.verb == "DELETE" { return Response(status: .noContent) }
    let isCreation = method.descriptor.method.beginsWithBytes(of: "Create")
    var response = Self.response(json, status: isCreation ? .created : .ok)
    if isOfConfig, let field = EntityTags.field(of: json) { response.headers[.eTag] = field }
    return response
  }

  /// A time whose `+` a query has made a space, as clients write that don't escape it:
  /// `2026-01-31T12:00:00 02:00`; any other text as it is.
  static func restoringOffset(_ text: String) -> String {
    let place = text.utf8.count - offsetBytes
    guard place > 0 else { return text }
    var bytes = Array(text.utf8)
    guard bytes[place] == UInt8(ascii: " ") else { return text }
    bytes[place] = UInt8(ascii: "+")
    let time = String(decoding: bytes, as: UTF8.self)
    return Timestamp(time) == nil ? text : time
  }

  /// Of `+02:00`.
  private static let offsetBytes = 6
  /// U+FEFF in front of a text, which a reader of JSON may ignore (RFC 8259, 8.1).
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// The body, which must say that it is JSON: forms of other sites can't.
  static func body(of exchange: Exchange) async throws -> [UInt8] {
    guard exchange.hasBody else { return [] }
    try exchange.requireContentType("application/json")
    let body = try await exchange.body(bytesMax: bodyBytesMax)
    return body.starts(with: byteOrderMark) ? Array(body.dropFirst(byteOrderMark.count)) : body
  }

  static func response(_ json: [UInt8], status: HTTPResponse.Status) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: .init(byteBuffer: ByteBuffer(bytes: json)))
  }
}
