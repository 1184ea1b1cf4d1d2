internal import Synchronization

/// The current context of one role: new connections take it, `reload` replaces it.
///
/// Connections that are open keep the context they started with.
package final class TLSCredentials: Sendable {
  private let role: TLSContext.Role
  private let configuration: TLSConfiguration
  private let context: Mutex<TLSContext>

  package init(_ role: TLSContext.Role, _ configuration: TLSConfiguration) throws(TLSError) {
    self.role = role
    self.configuration = configuration
    context = Mutex(try TLSContext(role, configuration))
  }

  package var current: TLSContext {
    context.withLock { $0 }
  }

  /// Reads the files again; on failure the old context stays.
  package func reload() throws(TLSError) {
    let fresh = try TLSContext(role, configuration)
    context.withLock { $0 = fresh }
  }
}
