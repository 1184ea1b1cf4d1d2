import Backend
import Egress
import HTTPTypes
import Metrics
import NIOCore
import Providers
import RPC
import Synchronization

/// What requests to providers took and how they ended, by the catalogue's name of the provider:
/// endpoints of users are all `custom`.
final class ProxyMetrics: Sendable {
  private struct Series: Hashable {
    let provider: String
    let status: String
  }

  private let factory: any MetricsFactory
  private let durations = Mutex<[Series: any TimerHandler]>([:])

  init(factory: any MetricsFactory = MetricsSystem.factory) {
    self.factory = factory
  }

  /// Sends by `send`, and notes how long the head of the answer took.
  func measuring(
    _ method: HTTPRequest.Method, to provider: Provider,
    _ send: () async throws(UpstreamError) -> UpstreamAnswer
  ) async throws(UpstreamError) -> UpstreamAnswer {
    let started = NIODeadline.now()
    do throws(UpstreamError) {
      let answer = try await send()
      note(provider, "\(answer.status.code / 100)xx", started)
      span(method, provider, status: answer.status.code, started)
      return answer
    } catch {
      note(provider, error.metricName, started)
      span(method, provider, status: nil, started)
      throw error
    }
  }

  /// Somebody has too much under way, or everybody has.
  func refused(_ refusal: RequestShares.Refusal) {
    let limit =
      switch refusal {
      case .requestsOfUser: "user_requests"
      case .bodiesOfUser: "user_bodies"
      case .exhausted: "all_requests"
      }
    factory.makeCounter(label: "limits.refused", dimensions: [("limit", limit)]).increment(by: 1)
  }

  private func note(_ provider: Provider, _ status: String, _ started: NIODeadline) {
    let series = Series(provider: provider.id, status: status)
    let timer = durations.withLock { durations in
      if let timer = durations[series] { return timer }
      let timer = factory.makeTimer(
        label: "upstream.request.duration",
        dimensions: [("provider", provider.id), ("status", status)])
      durations[series] = timer
      return timer
    }
    timer.recordNanoseconds((NIODeadline.now() - started).nanoseconds)
  }

  /// Nothing of the address: an endpoint's may be a secret of its user.
  private func span(
    _ method: HTTPRequest.Method, _ provider: Provider, status: Int?, _ started: NIODeadline
  ) {
    guard let request = CallScope.current as? RequestTrace, let tracer = request.tracer,
      let trace = request.trace, trace.isSampled
    else { return }
    tracer.end(
      trace.child(), .client, started: started, isError: (status ?? 599) >= 500,
      name: "\(method.rawValue) \(provider.id)",
      [
        SpanAttribute("http.request.method", method.rawValue),
        SpanAttribute("chatelaine.provider", provider.id),
      ] + (status.map { [SpanAttribute("http.response.status_code", $0)] } ?? []))
  }
}

extension UpstreamError {
  /// Few words for what went wrong.
  fileprivate var metricName: String {
    switch self {
    case .tooManyConnections: "connections_exhausted"
    case .connectTimeout, .answerTimeout: "timeout"
    case .connectFailed, .proxyFailed: "unreachable"
    case .untrusted: "untrusted"
    case .closedBeforeAnswer, .brokenOff: "closed"
    case .refused, .needsHTTP1: "refused"
    case .malformedAnswer, .unreadableField: "malformed"
    case .requestTooLarge, .request, .malformedRequest: "request"
    case .cancelled, .stopped: "cancelled"
    }
  }
}
