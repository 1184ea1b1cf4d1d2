import COpenSSL
import Synchronization

/// What a server gave a client so that their next handshake is shorter (RFC 8446, 2.2; RFC 5077).
package final class TLSSession: @unchecked Sendable {
  // Sendable because OpenSSL counts references itself and nothing changes a session.
  let handle: OpaquePointer

  /// Takes over the reference.
  fileprivate init(_ handle: OpaquePointer) {
    self.handle = handle
  }

  deinit { SSL_SESSION_free(handle) }

  /// Has every session of `context` given to its connection's `onSession`.
  static func keep(in context: OpaquePointer) {
    SSL_CTX_ctrl(
      context, SSL_CTRL_SET_SESS_CACHE_MODE,
      Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL), nil)
    SSL_CTX_sess_set_new_cb(context) { connection, session in
      guard let session, let connection = TLSConnection.of(connection),
        let onSession = connection.onSession
      else { return 0 }
      // One: the reference is ours now.
      onSession(TLSSession(session))
      return 1
    }
  }
}

/// The latest session with each server, for the next connection to it.
///
/// A session speaks for the certificate that was verified when it began: its key must name the
/// server as that was verified.
package final class TLSSessions<Server: Hashable & Sendable>: Sendable {
  private let serversMax: Int
  private let sessions = Mutex<[Server: TLSSession]>([:])

  /// - Parameter serversMax: with more of them, all are forgotten and kept anew.
  package init(serversMax: Int) {
    self.serversMax = serversMax
  }

  package func put(_ session: TLSSession, for server: Server) {
    sessions.withLock { sessions in
      if sessions[server] == nil, sessions.count >= serversMax { sessions.removeAll() }
      sessions[server] = session
    }
  }

  /// The session, once: whoever watches the wire must not recognise it (RFC 8446, C.4).
  package func take(for server: Server) -> TLSSession? {
    sessions.withLock { $0.removeValue(forKey: server) }
  }
}
