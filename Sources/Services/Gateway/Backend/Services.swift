import Callers
package import Edge
import FoundationEssentials
package import HTTPTypes
package import Identity
package import Logging
import NIOCore
package import RPC
package import ServiceAPI

/// The services behind the gateway.
package struct Services: Sendable {
  package let auth: AuthAPI.AuthClient
  package let vault: VaultAPI.VaultClient
  package let audit: AuditAPI.AuditClient
  /// By name, for methods that are only known by their descriptor.
  package let channels: [String: any RPCChannel]
  /// SHA-256 (DER) of the certificates that this process shows to the services.
  let certificates: @Sendable () -> [[UInt8]]
  /// What `auth` has said; of use only while a `RevocationWatch` runs.
  package let credentials: KnownCredentials
  /// How uses of keys ended; sent by a `UseReporter`.
  package let uses = UseReports()

  /// - Parameter certificates: what the channels' other ends know this process by; nothing where
  ///   they are not TLS.
  package init(
    auth: any RPCChannel, vault: any RPCChannel, audit: any RPCChannel,
    certificates: @escaping @Sendable () -> [[UInt8]] = { [] }
  ) {
    credentials = KnownCredentials()
    self.certificates = certificates
    let auth = ActingChannel(base: RevokingChannel(base: auth, credentials: credentials))
    let vault = ActingChannel(base: vault)
    let audit = ActingChannel(base: audit)
    self.auth = AuthAPI.AuthClient(channel: auth)
    self.vault = VaultAPI.VaultClient(channel: vault)
    self.audit = AuditAPI.AuditClient(channel: audit)
    channels = ["auth": auth, "vault": vault, "audit": audit]
  }
}

/// The way to `auth`, which takes note of the tokens that are revoked through it: their owner's
/// next request comes before the stream has told of them.
struct RevokingChannel: RPCChannel {
  let base: any RPCChannel
  let credentials: KnownCredentials

  func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    guard method == AuthAPI.AuthMethods.deleteAccessToken else {
      return try await base.unary(method, request: request, options: options)
    }
    let id = (try? AuthAPI.DeleteAccessTokenRequest(unpacking: request))?.id
    let answer = try await base.unary(method, request: request, options: options)
    if let id = id.flatMap({ UUID(uuidString: $0) }) { credentials.revoke(credentialID: id) }
    return answer
  }

  func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    try await base.stream(method, options: options, body)
  }
}

extension RequestOrigin {
  /// For the services' receipts.
  package var callOrigin: CallOrigin {
    CallOrigin(ipAddress: ipAddress, userAgent: userAgent, requestID: requestID)
  }
}

extension Exchange {
  /// Options for calls on nobody's behalf, e.g. a log-in.
  package var strangersOptions: CallOptions { .acting(with: nil, origin: origin.callOrigin) }
}

/// The trace that a request belongs to: what is called for it inherits it, and the log names it.
///
/// Anybody is believed about it, unlike about a request's id, which receipts keep: a trace id is no
/// secret, nothing rests on it, and it can't be anything but 32 digits. The worst that a stranger
/// does with one is to file their own requests under another's trace.
package final class RequestTrace: CallParent, RequestScope {
  private static let parentName = HTTPField.Name.fixed("traceparent")
  private static let stateName = HTTPField.Name.fixed("tracestate")

  package let trace: TraceContext?
  /// The calls' own deadlines are enough.
  package let deadline: Deadline? = nil
  /// Nil where no traces are recorded.
  package let tracer: Tracer?

  /// Goes on with what `traceparent` and `tracestate` say; begins a trace where they say nothing
  /// that W3C Trace Context allows.
  package init(_ headers: HTTPFields, tracer: Tracer? = nil) {
    self.tracer = tracer
    let given = Self.given(by: headers)
    trace = tracer?.serverContext(given) ?? given ?? .root()
  }

  package var logFields: Logger.Metadata {
    trace.map { ["trace": "\($0.traceID)"] } ?? [:]
  }

  package func run(_ answer: () async throws -> Response) async throws -> Response {
    try await CallScope.$current.withValue(self) { try await answer() }
  }

  package func ended(
    _ method: HTTPRequest.Method, route: String, status: HTTPResponse.Status, after: Duration
  ) {
    guard let tracer, let trace else { return }
    tracer.end(
      trace, .server, started: .now() - TimeAmount(after), isError: status.code >= 500,
      name: "\(method.rawValue) \(route)",
      [
        SpanAttribute("http.request.method", method.rawValue), SpanAttribute("http.route", route),
        SpanAttribute("http.response.status_code", status.code),
      ])
  }

  private static func given(by headers: HTTPFields) -> TraceContext? {
    guard headers.contains(Self.parentName) else { return nil }
    var metadata = Metadata()
    do {
      for name in [Self.parentName, Self.stateName] {
        for value in headers[values: name] {
          try metadata.append(value, forKey: name.canonicalName)
        }
      }
    } catch {
      return nil
    }
    return TraceContext(metadata)
  }
}
