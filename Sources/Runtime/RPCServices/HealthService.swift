package import RPC
import Synchronization

/// `grpc.health.v1`: tells load balancers and orchestrators which services answer.
///
/// Statuses are set from outside; the empty name stands for the server as a whole.
package final class HealthService: HealthAPI.HealthServiceProtocol {
  package typealias Status = HealthAPI.HealthCheckResponse.ServingStatus

  /// Calls of Watch that may be open at once; more are refused with RESOURCE_EXHAUSTED.
  package static let watchersMax = 1_000
  /// The longest service name that can be watched: a name is kept for as long as its watcher.
  package static let serviceNameBytesMax = 1_024

  private struct State {
    var statuses: [String: Status]
    var isDraining = false
    var watchers: [Int: HealthWatcher] = [:]
    var nextWatcher = 0

    func status(of service: String) -> Status? {
      guard let status = statuses[service] else { return nil }
      return isDraining ? .notServing : status
    }
  }

  private let state: Mutex<State>

  /// Every service that is not in `statuses` is unknown until its status is set.
  package init(_ statuses: [String: Status] = ["": .serving]) {
    state = Mutex(State(statuses: statuses))
  }

  /// Tells those who watch `service`; `""` is the server as a whole.
  package func setStatus(_ status: Status, for service: String) {
    let watchers = state.withLock { state in
      state.statuses[service] = status
      return state.watchers.values.filter { $0.service == service }
    }
    for watcher in watchers { watcher.wake() }
  }

  /// From now on nothing serves, whatever statuses are set; watchers learn it and their calls end,
  /// so that they don't hold up the drain.
  package func beginGracefulShutdown() {
    let watchers = state.withLock { state in
      state.isDraining = true
      return Array(state.watchers.values)
    }
    for watcher in watchers { watcher.wake() }
  }

  /// How many calls of Watch are open.
  package var watcherCount: Int { state.withLock { $0.watchers.count } }

  package func check(
    _ request: HealthAPI.HealthCheckRequest, context: ServerContext
  ) async throws -> HealthAPI.HealthCheckResponse {
    guard let status = state.withLock({ $0.status(of: request.service) }) else {
      throw RPCError(.notFound, "unknown service")
    }
    return HealthAPI.HealthCheckResponse(status: status)
  }

  package func watch(
    _ request: HealthAPI.HealthCheckRequest,
    to responses: ResponseWriter<HealthAPI.HealthCheckResponse>, context: ServerContext
  ) async throws {
    let (id, watcher) = try addWatcher(of: request.service)
    defer { state.withLock { $0.watchers[id] = nil } }
    var shown: Status?
    for await _ in watcher.wakes {
      // Read only now: a watcher that was slow to take the last status gets the newest.
      let (status, isDraining) = state.withLock { state in
        (state.status(of: request.service) ?? .serviceUnknown, state.isDraining)
      }
      if status != shown {
        try await responses.write(HealthAPI.HealthCheckResponse(status: status))
        shown = status
      }
      if isDraining { throw RPCError(.unavailable, "the server is shutting down") }
    }
    // The wakes end only with the task.
    throw CancellationError()
  }

  private func addWatcher(of service: String) throws(RPCError) -> (Int, HealthWatcher) {
    guard service.utf8.count <= Self.serviceNameBytesMax else {
      throw RPCError(.invalidArgument, "the name is longer than any service's")
    }
    let watcher = HealthWatcher(service)
    let id = state.withLock { state -> Int? in
      guard state.watchers.count < Self.watchersMax else { return nil }
      state.nextWatcher += 1
      state.watchers[state.nextWatcher] = watcher
      return state.nextWatcher
    }
    guard let id else { throw RPCError(.resourceExhausted, "too many watchers") }
    return (id, watcher)
  }
}

/// One call of Watch, woken when it may have something to tell.
private struct HealthWatcher {
  let service: String
  /// Holds at most one wake that was not yet looked at; the first is there from the start.
  let wakes: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init(_ service: String) {
    self.service = service
    (wakes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    wake()
  }

  func wake() { continuation.yield() }
}
