internal import COpenSSL
package import NIOCore

/// The TLS of one connection, with no I/O and for one thread at a time: ciphertext in, plaintext
/// out, and the other way round.
package final class TLSConnection {
  /// Whom a client expects at the other end.
  package enum ExpectedPeer: Sendable, Hashable {
    /// Servers take every certificate of the authority; who may do what is decided per call.
    case anyOfAuthority
    /// A URI subject alternative name.
    case uri(String)
    /// A DNS name or IP address, as browsers check it.
    case host(String)
  }

  /// The most plaintext in one record (RFC 8446, 5.1).
  private static let recordBytesMax = 16 << 10

  private let context: TLSContext
  private let expected: ExpectedPeer
  private let handle: OpaquePointer
  // Both belong to `handle`.
  private let incoming: OpaquePointer
  private let outgoing: OpaquePointer

  package private(set) var isEstablished = false
  /// The peer has said that it sends nothing more.
  package private(set) var isClosedByPeer = false
  /// URI names of the peer's verified certificate; empty before the handshake is over.
  package private(set) var peerIdentities: [String] = []

  package init(_ context: TLSContext, expecting expected: ExpectedPeer) throws(TLSError) {
    ErrorQueue.clear()
    guard let handle = SSL_new(context.handle) else {
      throw .setup(reason: ErrorQueue.takeReason())
    }
    guard let incoming = BIO_new(BIO_s_mem()) else {
      SSL_free(handle)
      throw .setup(reason: ErrorQueue.takeReason())
    }
    guard let outgoing = BIO_new(BIO_s_mem()) else {
      BIO_free(incoming)
      SSL_free(handle)
      throw .setup(reason: ErrorQueue.takeReason())
    }
    SSL_set_bio(handle, incoming, outgoing)
    self.context = context
    self.expected = expected
    self.handle = handle
    self.incoming = incoming
    self.outgoing = outgoing
    switch context.role {
    case .server: SSL_set_accept_state(handle)
    case .client: SSL_set_connect_state(handle)
    }
    if case .host(let host) = expected { try expect(host: host) }
  }

  deinit { SSL_free(handle) }

  private func expect(host: String) throws(TLSError) {
    let parameters = SSL_get0_param(handle)
    if X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 { return }
    ErrorQueue.clear()
    guard SSL_set1_host(handle, host) == 1, copenssl_set_server_name(handle, host) == 1 else {
      throw .setup(reason: ErrorQueue.takeReason())
    }
  }

  // MARK: Steps

  /// Begins a client's handshake; a server's begins with the client's first bytes.
  package func start() throws(TLSError) {
    try handshake()
  }

  /// Takes ciphertext from the peer and appends what it says to `plaintext`.
  ///
  /// There may be something to send afterwards: see `takeOutput`, also when this throws (an alert).
  package func receive(
    _ ciphertext: ByteBuffer, plaintext: inout ByteBuffer
  ) throws(TLSError) {
    let stored = ciphertext.withUnsafeReadableBytes { bytes in
      bytes.isEmpty
        || BIO_write(incoming, bytes.baseAddress, Int32(clamping: bytes.count)) == bytes.count
    }
    guard stored else { throw .connectionFailed(reason: "out of memory") }
    if !isEstablished { try handshake() }
    while isEstablished, !isClosedByPeer, try readRecord(into: &plaintext) {}
  }

  /// Encrypts all readable bytes of `plaintext`; fetch the result with `takeOutput`.
  package func send(_ plaintext: inout ByteBuffer) throws(TLSError) {
    while plaintext.readableBytes > 0 {
      ErrorQueue.clear()
      let written = plaintext.withUnsafeReadableBytes {
        SSL_write(handle, $0.baseAddress, Int32(clamping: $0.count))
      }
      // A memory BIO always has room, so anything else is an error.
      guard written > 0 else { throw .connectionFailed(reason: ErrorQueue.takeReason()) }
      plaintext.moveReaderIndex(forwardBy: Int(written))
    }
  }

  /// Says to the peer that nothing more will be sent.
  package func close() {
    guard isEstablished else { return }
    ErrorQueue.clear()
    _ = SSL_shutdown(handle)
    ErrorQueue.clear()
  }

  /// Appends the ciphertext that waits to be sent.
  package func takeOutput(into ciphertext: inout ByteBuffer) {
    var start: UnsafeMutablePointer<CChar>?
    let count = copenssl_memory_bio_data(outgoing, &start)
    guard count > 0, let start else { return }
    ciphertext.writeBytes(UnsafeRawBufferPointer(start: start, count: count))
    _ = copenssl_bio_reset(outgoing)
  }

  private func handshake() throws(TLSError) {
    ErrorQueue.clear()
    let result = SSL_do_handshake(handle)
    guard result == 1 else {
      if SSL_get_error(handle, result) == SSL_ERROR_WANT_READ { return }
      throw .handshakeFailed(reason: failureReason())
    }
    guard HTTP2Protocol.isNegotiated(handle) else { throw .noHTTP2 }
    peerIdentities = PeerIdentity.uris(of: handle)
    if case .uri(let uri) = expected, !peerIdentities.contains(uri) {
      throw .wrongPeer(expected: uri, found: peerIdentities)
    }
    isEstablished = true
  }

  /// False when there is no complete record left.
  private func readRecord(into plaintext: inout ByteBuffer) throws(TLSError) -> Bool {
    ErrorQueue.clear()
    var result: Int32 = 0
    plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.recordBytesMax) { room in
      result = SSL_read(handle, room.baseAddress, Int32(clamping: room.count))
      return max(0, Int(result))
    }
    if result > 0 { return true }
    switch SSL_get_error(handle, result) {
    case SSL_ERROR_WANT_READ: return false
    case SSL_ERROR_ZERO_RETURN:
      isClosedByPeer = true
      return false
    default: throw .connectionFailed(reason: failureReason())
    }
  }

  /// The verification's verdict says more than the alert that it caused.
  private func failureReason() -> String {
    let verdict = SSL_get_verify_result(handle)
    let reason = ErrorQueue.takeReason()
    guard verdict != Int(X509_V_OK), let words = X509_verify_cert_error_string(verdict) else {
      return reason
    }
    return "\(reason): \(String(cString: words))"
  }
}
