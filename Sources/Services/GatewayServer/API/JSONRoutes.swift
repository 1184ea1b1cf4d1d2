import HTTPTypes
import Hummingbird
import NIOCore
import Protobuf
import RPC
import ServiceAPI
import ServiceRuntime

/// The JSON API: every method with a `google.api.http` rule, mounted where the rule says.
struct JSONRoutes: Sendable {
  /// The largest request body.
  static let bodyBytesMax = 256 << 10

  /// Methods that can be called without having proved anything.
  private static let openMethods: Set<String> = [AuthAPI.AuthMethods.createAccount.path]

  let services: Services
  let authenticator: Authenticator
  let endpointGuard: EndpointGuard

  func routes() throws(PathTemplate.Failure) -> [Route] {
    var routes: [Route] = []
    for (service, methods) in [
      ("auth", AuthAPI.AuthClient.transcodedMethods),
      ("vault", VaultAPI.VaultClient.transcodedMethods),
      ("audit", AuditAPI.AuditClient.transcodedMethods),
    ] {
      guard let channel = services.channels[service] else { continue }
      for method in methods {
        for rule in method.descriptor.httpRules {
          routes.append(
            try Route([rule.verb], rule.template, .api) { exchange in
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
      options = .acting(with: nil, origin: exchange.origin)
    } else {
      options = try await authenticator.visitor(of: exchange).options(for: exchange)
    }
    let hasBody = rule.body != .none
    // Where the body is the request, a query could only smuggle fields, secrets among them.
    guard !hasBody || exchange.target.query == nil else {
      throw Problem(.badRequest, "this address takes no query parameters")
    }
    let input = TranscodingInput(
      pathVariables: exchange.variables, query: try exchange.parameters(),
      body: hasBody ? try await Self.body(of: exchange) : [])
    try checkEndpoint(method, input.body)
    let json = try await method.call(channel, rule, input, options)
    if rule.verb == "DELETE" { return Response(status: .noContent) }
    let isCreation = method.descriptor.method.beginsWithBytes(of: "Create")
    return Self.response(json, status: isCreation ? .created : .ok)
  }

  /// A base URL that the proxy would never connect to is refused when it is stored, so that the
  /// error appears where the mistake is. The proxy checks again at every use.
  private func checkEndpoint(_ method: TranscodedMethod, _ body: [UInt8]) throws {
    let baseURL: String? =
      switch method.descriptor.path {
      case VaultAPI.VaultMethods.createProviderConfig.path where !body.isEmpty:
        try VaultAPI.CreateProviderConfigRequest(json: body).baseUrl
      case VaultAPI.VaultMethods.updateProviderConfig.path where !body.isEmpty:
        try VaultAPI.UpdateProviderConfigRequest(json: body).baseUrl
      default: nil
      }
    if let baseURL { try endpointGuard.checkField(baseURL) }
  }

  /// The body, which must say that it is JSON: forms of other sites can't.
  static func body(of exchange: Exchange) async throws -> [UInt8] {
    guard exchange.hasBody else { return [] }
    try exchange.requireContentType("application/json")
    return try await exchange.body(bytesMax: bodyBytesMax)
  }

  static func response(_ json: [UInt8], status: HTTPResponse.Status) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: .init(byteBuffer: ByteBuffer(bytes: json)))
  }
}
