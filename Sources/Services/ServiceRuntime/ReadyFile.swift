import Addresses
package import Files
import Glibc
import Synchronization

/// Tells whoever started this process where it listens, once it does.
struct ReadyFile: Sendable {
  /// Nil: nobody wants to know.
  let path: String?

  /// A file left behind by an earlier run must not be believed.
  func remove() {
    if let path { _ = unlink(path) }
  }

  /// Writes `address` and a line break, then a line `name host:port` for each other listener;
  /// readers see nothing or all of it.
  func write(
    _ address: NetworkAddress, others: [(name: String, address: NetworkAddress)] = []
  ) throws(StartupError) {
    guard let path else { return }
    let text = "\(address)\n" + others.map { "\($0.name) \($0.address)\n" }.joined()
    do throws(FileError) {
      try AtomicFile.write(Array(text.utf8), to: path, mode: AtomicFile.modeForAll)
    } catch {
      throw .readyFile(error)
    }
  }
}

/// Says that the process has been told to stop: load balancers are to look elsewhere while it still
/// serves.
package final class ShutdownNotice: Sendable {
  private struct State {
    var hasBegun = false
    var actions: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())

  package init() {}

  package var hasBegun: Bool { state.withLock(\.hasBegun) }

  /// Runs `action` when the notice is given; at once if it has been.
  package func onBegin(_ action: @escaping @Sendable () -> Void) {
    let isLate = state.withLock { state in
      if !state.hasBegun { state.actions.append(action) }
      return state.hasBegun
    }
    if isLate { action() }
  }

  /// Gives the notice; false if that had been done before.
  package func begin() -> Bool {
    let actions = state.withLock { state -> [@Sendable () -> Void]? in
      guard !state.hasBegun else { return nil }
      state.hasBegun = true
      defer { state.actions = [] }
      return state.actions
    }
    guard let actions else { return false }
    for action in actions { action() }
    return true
  }
}

/// Why a service did not come up although its settings were readable.
package enum StartupError: Error {
  case readyFile(FileError)
  case hardening(String)
  case usage(String)
  /// The database's schema is not one that this program can work with; says what to do.
  case schema(String)
}

extension StartupError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .readyFile(let error): "cannot write \(error)"
    case .hardening(let reason): "cannot switch core dumps off: \(reason)"
    case .usage(let argument): "unknown argument \(argument)"
    case .schema(let reason): reason
    }
  }
}
