internal import NIOCore
internal import RPC

/// Notices a server that has vanished without a word while calls wait for it.
struct Keepalive {
  enum Action {
    case nothing
    case ping
    case giveUp
  }

  private let interval: TimeAmount
  private let timeout: TimeAmount
  private var lastLife = NIODeadline.now()
  private var pingSent: NIODeadline?
  private var timer: RepeatedTask?

  init(_ configuration: RPCClientConfiguration) {
    interval = configuration.keepaliveInterval.timeAmount
    timeout = configuration.keepaliveTimeout.timeAmount
  }

  /// Has `check` called often enough for both times.
  mutating func start(on eventLoop: any EventLoop, _ check: @escaping @Sendable () -> Void) {
    let period = min(interval, timeout)
    timer = eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in check() }
  }

  mutating func stop() {
    timer?.cancel()
    timer = nil
  }

  mutating func sawLife() {
    lastLife = .now()
    pingSent = nil
  }

  mutating func check(hasCalls: Bool) -> Action {
    let now = NIODeadline.now()
    if let pingSent { return now - pingSent >= timeout ? .giveUp : .nothing }
    guard hasCalls, now - lastLife >= interval else { return .nothing }
    pingSent = now
    return .ping
  }
}
