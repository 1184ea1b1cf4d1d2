import Foundation

/// Runs `body` on a thread of its own and returns what it returned.
///
/// For calls that block in the kernel (waiting for a process, reading a pipe, a file lock): they
/// would otherwise hold one of the few threads of the concurrency pool.
func onOwnThread<Value: Sendable>(
  _ name: String, _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    startThread(name) { continuation.resume(with: Result { try body() }) }
  }
}

/// Starts a thread that lives exactly as long as `body` runs.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
  let thread = Thread { body() }
  thread.name = name
  thread.stackSize = 512 * 1024
  thread.start()
}
