import COpenSSL
import OpenSSL

/// What all TLS connections of one role share: certificate, key, trusted authority, settings.
package final class TLSContext: @unchecked Sendable {
  // Sendable because OpenSSL locks SSL_CTX itself and we don't change it after `init`.

  package enum Role: Sendable {
    case client
    case server
  }

  /// Certificates between the peer's own and the authority's.
  private static let chainDepthMax: Int32 = 4

  package let role: Role
  let handle: OpaquePointer

  /// Reads and checks the files.
  package init(_ role: Role, _ configuration: TLSConfiguration) throws(TLSError) {
    ErrorQueue.clear()
    let method = role == .server ? TLS_server_method() : TLS_client_method()
    guard let handle = SSL_CTX_new(method) else { throw .setup(reason: ErrorQueue.takeReason()) }
    self.role = role
    self.handle = handle
    try restrict(configuration)
    try CertificateFiles(configuration).load(into: handle)
  }

  deinit { SSL_CTX_free(handle) }

  /// TLS 1.3 only, peers verified, HTTP/2 only, nothing resumed: every connection shows its
  /// certificate.
  private func restrict(_ configuration: TLSConfiguration) throws(TLSError) {
    guard copenssl_ctx_only_tls13(handle) == 1, SSL_CTX_set_num_tickets(handle, 0) == 1 else {
      throw .setup(reason: ErrorQueue.takeReason())
    }
    copenssl_ctx_set_mode(
      handle,
      Int(
        SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
          | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN))
    SSL_CTX_ctrl(handle, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
    let isNameless = role == .server && configuration.clientCertificates == .notAsked
    SSL_CTX_set_verify(
      handle,
      isNameless ? SSL_VERIFY_NONE : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    SSL_CTX_set_verify_depth(handle, Self.chainDepthMax)
    // An encrypted key must fail, not ask the terminal.
    SSL_CTX_set_default_passwd_cb(handle) { _, _, _, _ in -1 }
    switch role {
    case .server: SSL_CTX_set_alpn_select_cb(handle, HTTP2Protocol.select, nil)
    case .client:
      guard HTTP2Protocol.offer(in: handle) else {
        throw .setup(reason: ErrorQueue.takeReason())
      }
    }
  }
}

/// ALPN (RFC 7301) with the one protocol that we speak.
enum HTTP2Protocol {
  private static let name: [UInt8] = [UInt8(ascii: "h"), UInt8(ascii: "2")]

  static func offer(in context: OpaquePointer) -> Bool {
    let list = [UInt8(name.count)] + name
    // Zero means success here, against OpenSSL's habit.
    return SSL_CTX_set_alpn_protos(context, list, UInt32(list.count)) == 0
  }

  /// Chooses `h2` from the client's list, or refuses the connection.
  static let select: SSL_CTX_alpn_select_cb_func = { _, chosen, chosenBytes, offered, count, _ in
    let list = UnsafeBufferPointer(start: offered, count: Int(count))
    var index = 0
    while index < list.count {
      let start = index + 1
      let end = start + Int(list[index])
      guard end <= list.count else { break }
      if list[start..<end].elementsEqual(name) {
        chosen?.pointee = offered.map { $0 + start }
        chosenBytes?.pointee = UInt8(name.count)
        return SSL_TLSEXT_ERR_OK
      }
      index = end
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }

  static func isNegotiated(_ connection: OpaquePointer) -> Bool {
    var start: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(connection, &start, &count)
    return UnsafeBufferPointer(start: start, count: Int(count)).elementsEqual(name)
  }
}
