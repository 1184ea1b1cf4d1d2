import Foundation
import Synchronization

/// A log that cannot fill the disk: past `bytesMax` it becomes `<path>.1` and starts anew.
package final class LogFile: Sendable {
  package static let bytesMaxDefault = 16 << 20

  package let path: String
  private let bytesMax: Int

  private struct State {
    var descriptor: Int32
    var bytes: Int
  }
  private let state: Mutex<State>

  /// Opens for appending with mode 0600.
  package init(path: String, bytesMax: Int = LogFile.bytesMaxDefault) throws {
    self.path = path
    self.bytesMax = bytesMax
    let descriptor = Self.open(path)
    guard descriptor >= 0 else { throw SecretFile.failure(path) }
    state = Mutex(State(descriptor: descriptor, bytes: Int(lseek(descriptor, 0, SEEK_END))))
  }

  deinit { state.withLock { _ = close($0.descriptor) } }

  /// Appends; a full or failing disk loses log lines, never the service that wrote them.
  package func append(_ bytes: [UInt8]) {
    state.withLock { state in
      if state.bytes > 0, state.bytes + bytes.count > bytesMax { rotate(&state) }
      state.bytes += max(0, write(state.descriptor, bytes, bytes.count))
    }
  }

  private func rotate(_ state: inout State) {
    guard rename(path, path + ".1") == 0 else { return }
    let descriptor = Self.open(path)
    guard descriptor >= 0 else { return }
    close(state.descriptor)
    state = State(descriptor: descriptor, bytes: 0)
  }

  private static func open(_ path: String) -> Int32 {
    Foundation.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
  }
}
