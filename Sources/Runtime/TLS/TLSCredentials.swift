import Synchronization

/// The current context of one role: new connections take it, a reload replaces it.
///
/// Connections that are open keep the context they started with.
package final class TLSCredentials: Sendable {
  private struct State {
    var context: TLSContext
    /// The files that were last read, whether they could be used or not.
    var seen: [FileVersion?]
  }

  private let role: TLSContext.Role
  private let configuration: TLSConfiguration
  private let state: Mutex<State>

  package init(_ role: TLSContext.Role, _ configuration: TLSConfiguration) throws(TLSError) {
    self.role = role
    self.configuration = configuration
    // Before the files are read: whatever changes meanwhile counts as a change.
    let seen = configuration.fileVersions
    state = Mutex(State(context: try TLSContext(role, configuration), seen: seen))
  }

  package var current: TLSContext {
    state.withLock(\.context)
  }

  /// Reads the files again; on failure the old context stays.
  package func reload() throws(TLSError) {
    try reload(configuration.fileVersions)
  }

  /// Does so if the files are others than those last read, successfully or not; says whether there
  /// is a new context.
  package func reloadIfChanged() throws(TLSError) -> Bool {
    let versions = configuration.fileVersions
    guard state.withLock({ $0.seen != versions }) else { return false }
    try reload(versions)
    return true
  }

  private func reload(_ versions: [FileVersion?]) throws(TLSError) {
    state.withLock { $0.seen = versions }
    let fresh = try TLSContext(role, configuration)
    state.withLock { $0.context = fresh }
  }
}

extension TLSConfiguration {
  fileprivate var fileVersions: [FileVersion?] {
    [certificateFile, privateKeyFile, certificateAuthorityFile].map { FileVersion(path: $0) }
  }
}
