import COpenSSL
import OpenSSL

/// What all TLS connections of one role share: certificate, key, trusted authorities, settings.
package final class TLSContext: @unchecked Sendable {
  // Sendable because OpenSSL locks SSL_CTX itself and we don't change it after `init`.

  package enum Role: Sendable {
    case client
    case server
  }

  /// Certificates between the peer's own and the authority's.
  private static let chainDepthMax: Int32 = 4
  /// The same for servers of the web, some of which send cross-signed chains.
  private static let webChainDepthMax: Int32 = 10
  /// Of TLS 1.2, what has forward secrecy and authenticated encryption (RFC 9325, 4.2).
  private static let web12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"

  package let role: Role
  let handle: OpaquePointer
  let applicationProtocols: ApplicationProtocols
  let deniedPeers: DeniedPeers
  /// Whether peers may be as they are on the web: TLS 1.2, no word about protocols, sessions that
  /// go on.
  let isForWeb: Bool

  /// For the two ends of a mesh, or a server of the web: reads and checks the files.
  package init(_ role: Role, _ configuration: TLSConfiguration) throws(TLSError) {
    handle = try Self.make(role)
    self.role = role
    isForWeb = configuration.isForWeb
    deniedPeers = configuration.deniedPeers
    applicationProtocols = ApplicationProtocols(configuration.applicationProtocols)
    if configuration.isForWeb { try openToWeb() } else { try restrict(configuration) }
    try CertificateFiles(configuration).load(into: handle)
  }

  /// For a client of servers on the web, which has no certificate of its own: TLS 1.2 or later,
  /// host names checked, sessions resumed, HTTP/1.1 where a connection offers nothing else.
  package init(trusting authorities: TrustedAuthorities) throws(TLSError) {
    handle = try Self.make(.client)
    role = .client
    isForWeb = true
    deniedPeers = DeniedPeers()
    applicationProtocols = ApplicationProtocols(["http/1.1"])
    guard copenssl_ctx_from_tls12(handle) == 1, applicationProtocols.offer(in: handle) else {
      throw .setup(reason: ErrorQueue.takeReason())
    }
    setMode()
    SSL_CTX_set_options(handle, copenssl_no_renegotiation())
    SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nil)
    SSL_CTX_set_verify_depth(handle, Self.webChainDepthMax)
    TLSSession.keep(in: handle)
    try authorities.load(into: handle)
  }

  deinit { SSL_CTX_free(handle) }

  /// SHA-256 of this end's own certificate in DER; empty for a client of the web.
  var certificateDigest: [UInt8] {
    SSL_CTX_get0_certificate(handle).map { CertificateDigest.of($0) } ?? []
  }

  private static func make(_ role: Role) throws(TLSError) -> OpaquePointer {
    ErrorQueue.clear()
    let method = role == .server ? TLS_server_method() : TLS_client_method()
    guard let handle = SSL_CTX_new(method) else { throw .setup(reason: ErrorQueue.takeReason()) }
    return handle
  }

  /// TLS 1.3 only, peers verified, nothing resumed: every connection shows its certificate.
  private func restrict(_ configuration: TLSConfiguration) throws(TLSError) {
    guard copenssl_ctx_only_tls13(handle) == 1, SSL_CTX_set_num_tickets(handle, 0) == 1 else {
      throw .setup(reason: ErrorQueue.takeReason())
    }
    setMode()
    SSL_CTX_ctrl(handle, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
    let isNameless = role == .server && configuration.clientCertificates == .notAsked
    SSL_CTX_set_verify(
      handle,
      isNameless ? SSL_VERIFY_NONE : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    SSL_CTX_set_verify_depth(handle, Self.chainDepthMax)
    // An encrypted key must fail, not ask the terminal.
    SSL_CTX_set_default_passwd_cb(handle) { _, _, _, _ in -1 }
    switch role {
    case .server: SSL_CTX_set_alpn_select_cb(handle, ApplicationProtocols.select, nil)
    case .client:
      guard applicationProtocols.offer(in: handle) else {
        throw .setup(reason: ErrorQueue.takeReason())
      }
    }
  }

  /// TLS 1.2 or later for whoever comes; sessions go on by tickets, whose keys last as long as this
  /// context.
  private func openToWeb() throws(TLSError) {
    guard copenssl_ctx_from_tls12(handle) == 1,
      SSL_CTX_set_cipher_list(handle, Self.web12Ciphers) == 1
    else { throw .setup(reason: ErrorQueue.takeReason()) }
    setMode()
    SSL_CTX_set_options(handle, copenssl_no_renegotiation())
    SSL_CTX_ctrl(handle, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
    SSL_CTX_set_verify(handle, SSL_VERIFY_NONE, nil)
    SSL_CTX_set_default_passwd_cb(handle) { _, _, _, _ in -1 }
    SSL_CTX_set_alpn_select_cb(handle, ApplicationProtocols.select, nil)
  }

  private func setMode() {
    copenssl_ctx_set_mode(
      handle,
      Int(
        SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
          | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN))
  }
}
