import Addresses
package import Files
import Glibc

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

/// Why a service did not come up although its settings were readable.
package enum StartupError: Error {
  case readyFile(FileError)
  case hardening(String)
  case usage(String)
}

extension StartupError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .readyFile(let error): "cannot write \(error)"
    case .hardening(let reason): "cannot switch core dumps off: \(reason)"
    case .usage(let argument): "unknown argument \(argument)"
    }
  }
}
