import HTTPTypes
import Metrics
import Synchronization

/// Counts requests by the template of their route and the class of their status: as many series as
/// there are routes, whatever strangers ask for.
final class RequestMetrics: Sendable {
  private struct Series: Hashable {
    let route: String
    /// The first digit of the status.
    let statusClass: Int
  }

  private let factory: any MetricsFactory
  private let active: any MeterHandler
  /// Made when they are first needed.
  private let durations = Mutex<[Series: any TimerHandler]>([:])

  init(factory: any MetricsFactory = MetricsSystem.factory) {
    self.factory = factory
    active = factory.makeMeter(label: "http.server.active_requests", dimensions: [])
  }

  func requestBegan() { active.increment(by: 1) }

  /// The answer has begun, or there will be none.
  func answerBegan() { active.decrement(by: 1) }

  /// The answer is complete.
  func answered(_ status: HTTPResponse.Status, route: String, after duration: Duration) {
    let series = Series(route: route, statusClass: min(max(status.code / 100, 1), 9))
    let timer = durations.withLock { durations in
      if let timer = durations[series] { return timer }
      let timer = factory.makeTimer(
        label: "http.server.request.duration",
        dimensions: [("route", route), ("status", "\(series.statusClass)xx")])
      durations[series] = timer
      return timer
    }
    let (seconds, attoseconds) = duration.components
    timer.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
