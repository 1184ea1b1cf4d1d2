import Backend
import Edge
import Egress
import HTTPTypes
import NIOCore
import NIOHTTP1
import Providers
import RPC
import ServiceAPI

/// A request on its way to its provider: with one key, and with the configuration's other one when
/// the provider refuses the first (decision 36).
struct ProxyAttempt {
  let services: Services
  let upstream: Upstream
  let metrics: ProxyMetrics
  let provider: Provider
  let target: ProxyTarget
  let visitor: Visitor
  let exchange: Exchange
  let body: RequestRelay
  let endpoint: CheckedEndpoint
  let watch: UpstreamWatch
  let asked: AskedUse

  /// Returns when the head of an answer has come that the client is to see, with the use that it is
  /// the answer of. A second use that fails has been ended.
  ///
  /// - Parameter use: of `key`.
  func send(
    _ request: UpstreamRequest, with key: VaultAPI.ResolveCredentialResponse, _ use: ProxiedUse
  ) async throws(UpstreamError) -> (answer: UpstreamAnswer, use: ProxiedUse) {
    let answer = try await send(request, with: key)
    use.isAnswered(answer.status)
    // Nothing of the answer has gone out, and the body can be sent again.
    guard key.hasOtherKey, [.unauthorized, .forbidden].contains(answer.status), body.isAtHand,
      !exchange.offersWebSocket, let other = await other(than: key)
    else { return (answer, use) }
    use.end(requestBytes: body.byteCount)
    let second = ProxiedUse(other.useTicket, services.uses, asked)
    do throws(UpstreamError) {
      let answer = try await send(request, with: other)
      second.isAnswered(answer.status)
      return (answer, second)
    } catch {
      second.end(error, requestBytes: body.byteCount)
      throw error
    }
  }

  private func send(
    _ request: UpstreamRequest, with key: VaultAPI.ResolveCredentialResponse
  ) async throws(UpstreamError) -> UpstreamAnswer {
    var request = request
    if let authentication = provider.authentication, !key.apiKey.isEmpty {
      request.headers.replaceOrAdd(
        name: authentication.header, value: authentication.prefix + key.apiKey)
    }
    return try await metrics.measuring(exchange.method, to: provider) {
      () async throws(UpstreamError) in
      try await upstream.send(
        request, body: body, to: endpoint, on: exchange.stream.eventLoop, watch: watch)
    }
  }

  /// The other key of the same configuration; nil when the vault gives none: then the refusal is
  /// the answer.
  private func other(
    than key: VaultAPI.ResolveCredentialResponse
  ) async -> VaultAPI.ResolveCredentialResponse? {
    let other = try? await services.vault.resolveCredential(
      VaultAPI.ResolveCredentialRequest(
        provider: provider.id, label: target.label,
        purpose: ProxyRoutes.purpose(verb: exchange.method.rawValue, path: target.path),
        refusedTicket: key.useTicket), options: visitor.options(for: exchange))
    // It goes where the request went, and nowhere else.
    guard let other, other.configId.hasBytes(of: key.configId), other.baseUrl == key.baseUrl
    else { return nil }
    return other
  }
}
