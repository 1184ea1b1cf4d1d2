import NIOCore
import RPC

/// A service made of closures over bytes, one per method name.
struct CallService: RPCService {
  static let name = "test.Calls"

  let methodHandlers: [MethodHandler]

  init(_ bodies: [String: MethodHandler.Body]) {
    methodHandlers = bodies.map { MethodHandler(Self.method($0.key), $0.value) }
  }

  /// One streaming method, `Run`.
  init(_ body: @escaping MethodHandler.Streaming) {
    self.init(["Run": .streaming(body)])
  }

  static func method(_ name: String) -> MethodDescriptor {
    MethodDescriptor(service: Self.name, method: name, shape: .bidirectionalStreaming)
  }

  /// Gives every message back as it comes.
  static let echo = CallService { requests, responses, _ in
    while let request = try await requests.next() {
      try await responses.write(request.bytes, isCompressed: nil)
    }
  }
}

extension RPCChannel {
  /// Makes a call of `Run`, unless another method is named.
  func run<Outcome: Sendable>(
    _ method: String = "Run", metadata: Metadata = Metadata(),
    timeout: Duration = .seconds(30), encoding: MessageEncoding = .identity,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    try await stream(
      CallService.method(method),
      options: CallOptions(metadata: metadata, timeout: timeout, encoding: encoding), body)
  }
}

extension MessageSink {
  func write(_ text: String) async throws(RPCError) {
    try await write(ByteBuffer(string: text), isCompressed: nil)
  }
}

extension MessageSource {
  func nextText() async throws(RPCError) -> String? {
    try await next().map { String(buffer: $0.bytes) }
  }

  /// All that is left.
  func texts() async throws(RPCError) -> [String] {
    var texts: [String] = []
    while let text = try await nextText() { texts.append(text) }
    return texts
  }
}

/// The failure of a call that `body` makes; nil when it has none.
func failure<Value>(_ body: () async throws -> Value) async -> RPCError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? RPCError ?? RPCError(.unknown, "not an RPCError: \(error)")
  }
}

/// Something that happens once in a test, with a value that tells more.
actor Signal<Value: Sendable> {
  private var value: Value?
  private var waiters: [CheckedContinuation<Value, Never>] = []

  func raise(_ value: Value) {
    guard self.value == nil else { return }
    self.value = value
    for waiter in waiters { waiter.resume(returning: value) }
    waiters = []
  }

  @discardableResult
  func wait() async -> Value {
    if let value { return value }
    return await withCheckedContinuation { waiters.append($0) }
  }
}

extension Signal<Void> {
  func raise() { raise(()) }
}
