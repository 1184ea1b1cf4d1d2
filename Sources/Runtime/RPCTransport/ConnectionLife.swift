import NIOCore
import RPC

/// When a server's connection should end, or show that it is alive (gRPC "keepalive", "A9").
struct ConnectionLife {
  enum Action {
    case nothing
    /// Ask the client to leave; running calls end within the grace period.
    case drain
    case ping
    /// The client doesn't answer.
    case giveUp
  }

  /// Connections that were opened together need not end together.
  private static let ageJitter = 0.1

  private let end: NIODeadline?
  private let idleTimeout: TimeAmount
  private let keepaliveInterval: TimeAmount
  private let keepaliveTimeout: TimeAmount
  /// When bytes came last.
  private(set) var lastRead = NIODeadline.now()
  private var idleSince: NIODeadline?
  private var pingSent: NIODeadline?

  init(_ configuration: RPCServerConfiguration) {
    let now = NIODeadline.now()
    let jitter = Double.random(in: 1 - Self.ageJitter...1 + Self.ageJitter)
    end = configuration.connectionAgeMax.map {
      let nanoseconds = (Double($0.timeAmount.nanoseconds) * jitter).rounded()
      return now + .nanoseconds(Int64(exactly: nanoseconds) ?? $0.timeAmount.nanoseconds)
    }
    idleTimeout = configuration.connectionIdleTimeout.timeAmount
    keepaliveInterval = configuration.keepaliveInterval.timeAmount
    keepaliveTimeout = configuration.keepaliveTimeout.timeAmount
    idleSince = now
  }

  /// How often `check` must be called for all of the times to be kept about.
  var checkInterval: TimeAmount {
    min(idleTimeout, keepaliveInterval, keepaliveTimeout)
  }

  mutating func sawRead() {
    lastRead = .now()
    pingSent = nil
  }

  mutating func check(hasStreams: Bool) -> Action {
    let now = NIODeadline.now()
    if let pingSent, now - pingSent >= keepaliveTimeout { return .giveUp }
    if let end, end <= now { return .drain }
    if hasStreams {
      idleSince = nil
    } else if let idleSince {
      if now - idleSince >= idleTimeout, now - lastRead >= idleTimeout { return .drain }
    } else {
      idleSince = now
    }
    guard pingSent == nil, now - lastRead >= keepaliveInterval else { return .nothing }
    pingSent = now
    return .ping
  }
}

/// Notices a server that no longer answers while calls wait for it.
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
