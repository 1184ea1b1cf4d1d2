import Metrics
import RPC
import Synchronization

/// The metrics of one method on one side, made once and kept: recording looks nothing up.
///
/// Names and labels are those of gRPC's proposal A66 ("OpenTelemetry Metrics").
final class MethodMetrics: Sendable {
  private let label: String
  private let method: String
  private let factory: any MetricsFactory
  // The backend's own objects: the generic ones in front of them convert each number at run time.
  private let started: any CounterHandler
  private let sent: any RecorderHandler
  private let received: any RecorderHandler
  /// A histogram per outcome, made when it first happens.
  private let durations = Mutex<[RPCError.Code: any TimerHandler]>([:])
  /// The one that nearly every call needs, without the lock.
  private let successes: any TimerHandler

  /// `label` is `grpc.server.call` or `grpc.client.attempt`.
  init(_ label: String, method: String, factory: any MetricsFactory) {
    self.label = label
    self.method = method
    self.factory = factory
    let dimensions = [("grpc.method", method)]
    started = factory.makeCounter(label: "\(label).started", dimensions: dimensions)
    sent = factory.makeRecorder(
      label: "\(label).sent_total_compressed_message_size", dimensions: dimensions,
      aggregate: true)
    received = factory.makeRecorder(
      label: "\(label).rcvd_total_compressed_message_size", dimensions: dimensions,
      aggregate: true)
    successes = Self.timer(label, method, .ok, factory)
  }

  private static func timer(
    _ label: String, _ method: String, _ code: RPCError.Code, _ factory: any MetricsFactory
  ) -> any TimerHandler {
    factory.makeTimer(
      label: "\(label).duration",
      dimensions: [("grpc.method", method), ("grpc.status", code.statusName)])
  }

  func callStarted() {
    started.increment(by: 1)
  }

  func callEnded(
    _ code: RPCError.Code, nanoseconds: Int64, sentBytes: Int, receivedBytes: Int
  ) {
    let timer =
      code == .ok
      ? successes
      : durations.withLock { durations in
        if let timer = durations[code] { return timer }
        let timer = Self.timer(label, method, code, factory)
        durations[code] = timer
        return timer
      }
    timer.recordNanoseconds(nanoseconds)
    sent.record(Int64(sentBytes))
    received.record(Int64(receivedBytes))
  }
}

/// What a server counts besides its methods' calls.
final class ServerMetrics: Sendable {
  /// Calls of methods that don't exist: a peer must not make labels.
  let unknownMethod: MethodMetrics
  private let methods: [MethodMetrics]
  /// Streams that are open.
  let streams: Meter
  /// Handlers that have not ended: the work in flight.
  let handlers: Meter
  let connections: Meter
  let resetsByPeer: Counter
  let resetsByServer: Counter
  /// Connections that were cut because of what the peer did.
  let connectionsCut: Counter

  init(_ router: Router, factory: any MetricsFactory) {
    let label = "grpc.server.call"
    methods = router.routes.map {
      MethodMetrics(label, method: $0.descriptor.fullName, factory: factory)
    }
    unknownMethod = MethodMetrics(label, method: "other", factory: factory)
    streams = Meter(label: "grpc.server.streams", factory: factory)
    handlers = Meter(label: "grpc.server.handlers", factory: factory)
    connections = Meter(label: "grpc.server.connections", factory: factory)
    resetsByPeer = Counter(
      label: "grpc.server.resets", dimensions: [("by", "peer")], factory: factory)
    resetsByServer = Counter(
      label: "grpc.server.resets", dimensions: [("by", "server")], factory: factory)
    connectionsCut = Counter(label: "grpc.server.connections_cut", factory: factory)
  }

  func metrics(of route: Route) -> MethodMetrics { methods[route.index] }
}

/// One connection's part of a meter, told to it now and then instead of with every change.
struct MeterPart {
  private(set) var value = 0
  private var told = 0

  mutating func add(_ amount: Int) {
    value += amount
  }

  mutating func tell(_ meter: Meter) {
    let change = value - told
    guard change != 0 else { return }
    told = value
    if change > 0 {
      meter.increment(by: Double(change))
    } else {
      meter.decrement(by: Double(-change))
    }
  }
}

/// What a client counts: attempts, by method.
final class ClientMetrics: Sendable {
  private let factory: any MetricsFactory
  private let methods = Mutex<[String: MethodMetrics]>([:])

  init(factory: any MetricsFactory) {
    self.factory = factory
  }

  func metrics(of method: MethodDescriptor) -> MethodMetrics {
    methods.withLock { methods in
      if let metrics = methods[method.path] { return metrics }
      let metrics = MethodMetrics(
        "grpc.client.attempt", method: method.fullName, factory: factory)
      methods[method.path] = metrics
      return metrics
    }
  }
}

extension MethodDescriptor {
  /// `package.Service/Method`: the path without its first slash.
  var fullName: String { "\(service)/\(method)" }
}

extension RPCError.Code {
  /// As gRPC's documents write it, e.g. `DEADLINE_EXCEEDED`.
  var statusName: String {
    switch self {
    case .ok: "OK"
    case .cancelled: "CANCELLED"
    case .unknown: "UNKNOWN"
    case .invalidArgument: "INVALID_ARGUMENT"
    case .deadlineExceeded: "DEADLINE_EXCEEDED"
    case .notFound: "NOT_FOUND"
    case .alreadyExists: "ALREADY_EXISTS"
    case .permissionDenied: "PERMISSION_DENIED"
    case .resourceExhausted: "RESOURCE_EXHAUSTED"
    case .failedPrecondition: "FAILED_PRECONDITION"
    case .aborted: "ABORTED"
    case .outOfRange: "OUT_OF_RANGE"
    case .unimplemented: "UNIMPLEMENTED"
    case .internal: "INTERNAL"
    case .unavailable: "UNAVAILABLE"
    case .dataLoss: "DATA_LOSS"
    case .unauthenticated: "UNAUTHENTICATED"
    }
  }
}
