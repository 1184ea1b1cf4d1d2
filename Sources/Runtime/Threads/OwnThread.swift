import Glibc

/// Threads that live exactly as long as one piece of work.
///
/// For calls that block in the kernel: an event loop would hold up its connections, and Swift's
/// cooperative pool has one thread per processor.
package enum OwnThread {
  /// Room for `getaddrinfo` and libpq's handshakes; the system's default would be 8 MiB.
  package static let stackBytes = 512 << 10

  /// The system has no more threads.
  package struct Unavailable: Error {}

  /// Runs `body` on a new thread; false when the system has no more threads, and then `body` never
  /// runs.
  package static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackBytes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let box = Unmanaged.passRetained(Work(body))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, &attributes,
      { raw in
        guard let raw else { return nil }
        Unmanaged<Work>.fromOpaque(raw).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    if status != 0 { box.release() }
    return status == 0
  }

  /// Runs `body` on a new thread and gives back what it returned or threw; throws `Unavailable`
  /// when the system has no more threads.
  package static func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      let isStarted = start { continuation.resume(with: Result { try body() }) }
      if !isStarted { continuation.resume(throwing: Unavailable()) }
    }
  }

  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}
