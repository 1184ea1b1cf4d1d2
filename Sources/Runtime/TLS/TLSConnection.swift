import COpenSSL
package import NIOCore
import OpenSSL

/// The TLS of one connection, with no I/O and for one thread at a time: ciphertext in, plaintext
/// out, and the other way round.
package final class TLSConnection {
  /// Whom a client expects at the other end.
  package enum ExpectedPeer: Sendable, Hashable {
    /// Servers take every certificate of the authority; who may do what is decided per call.
    case anyOfAuthority
    /// A URI subject alternative name, or an instance of it.
    case uri(String)
    /// A DNS name or IP address, as browsers check it.
    case host(String)
  }

  /// The most plaintext in one record (RFC 8446, 5.1).
  private static let recordBytesMax = 16 << 10
  /// What encryption adds to a record: its head, its type and its tag (RFC 8446, 5.2).
  private static let recordOverheadBytes = 22
  /// Less room than this is not worth a read.
  private static let roomBytesMin = 256
  /// Buffers up to this size are used again; larger ones go, so that a connection that falls silent
  /// keeps little.
  private static let keptBytesMax = 512

  let context: TLSContext
  private let expected: ExpectedPeer
  private let handle: OpaquePointer
  // What `RecordPipe` reads from and writes to. Nothing stays in `incoming` between calls: OpenSSL
  // keeps the beginning of a record itself until the rest arrives.
  var incoming = ByteBuffer()
  var outgoing = ByteBuffer()

  package private(set) var isEstablished = false
  /// The peer has said that it sends nothing more.
  package private(set) var isClosedByPeer = false
  /// URI names of the peer's verified certificate; empty before the handshake is over.
  package private(set) var peerIdentities: [String] = []
  /// SHA-256 of the peer's certificate in DER; empty where none was asked for.
  package private(set) var peerCertificateDigest: [UInt8] = []
  /// Given each session that a server of the web offers for the next connection.
  package var onSession: ((TLSSession) -> Void)?

  package init(_ context: TLSContext, expecting expected: ExpectedPeer) throws(TLSError) {
    ErrorQueue.clear()
    guard let handle = SSL_new(context.handle) else {
      throw .setup(reason: ErrorQueue.takeReason())
    }
    guard let pipe = RecordPipe.make() else {
      SSL_free(handle)
      throw .setup(reason: ErrorQueue.takeReason())
    }
    // One for both directions; it belongs to `handle` from now on.
    SSL_set_bio(handle, pipe, pipe)
    self.context = context
    self.expected = expected
    self.handle = handle
    RecordPipe.connect(pipe, to: self)
    switch context.role {
    case .server: SSL_set_accept_state(handle)
    case .client: SSL_set_connect_state(handle)
    }
    if case .host(let host) = expected { try expect(host: host) }
  }

  deinit { SSL_free(handle) }

  /// Our side of an OpenSSL connection, for its callbacks.
  static func of(_ handle: OpaquePointer?) -> TLSConnection? {
    handle.flatMap { SSL_get_rbio($0) }.flatMap { RecordPipe.connection(of: $0) }
  }

  /// Whether the handshake was shortened by a session.
  package var isResumed: Bool { SSL_session_reused(handle) == 1 }

  /// What both ends agreed to speak (ALPN); nil before the handshake is over and where the peer
  /// said nothing.
  package var applicationProtocol: String? { ApplicationProtocols.negotiated(handle) }

  /// Offers the server these protocols in place of the context's, the preferred one first; to be
  /// called before `start`.
  package func offer(_ protocols: [String]) throws(TLSError) {
    guard ApplicationProtocols(protocols).offer(on: handle) else {
      throw .setup(reason: ErrorQueue.takeReason())
    }
  }

  /// Offers the server to go on with `session`; to be called before `start`.
  package func resume(_ session: TLSSession) {
    // A session that can't be used means a full handshake, no more.
    SSL_set_session(handle, session.handle)
    ErrorQueue.clear()
  }

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
    incoming = ciphertext
    defer { incoming = ByteBuffer() }
    if plaintext.readableBytes == 0, plaintext.capacity > Self.keptBytesMax {
      plaintext = ByteBuffer()
    }
    if !isEstablished { try handshake() }
    while isEstablished, !isClosedByPeer, try readRecord(into: &plaintext) {}
  }

  /// Encrypts all readable bytes of `plaintext`; fetch the result with `takeOutput`.
  package func send(_ plaintext: inout ByteBuffer) throws(TLSError) {
    let recordCount = plaintext.readableBytes / Self.recordBytesMax + 1
    outgoing.reserveCapacity(
      minimumWritableBytes: plaintext.readableBytes + recordCount * Self.recordOverheadBytes)
    while plaintext.readableBytes > 0 {
      ErrorQueue.clear()
      let written = plaintext.withUnsafeReadableBytes {
        SSL_write(handle, $0.baseAddress, Int32(clamping: $0.count))
      }
      // There is always room, so anything else is an error.
      guard written > 0 else { throw .connectionFailed(reason: ErrorQueue.takeReason()) }
      plaintext.moveReaderIndex(forwardBy: Int(written))
    }
  }

  /// Says to the peer that nothing more will be sent.
  package func close() {
    // In the middle of a handshake OpenSSL refuses, and there is nothing to say.
    guard isEstablished else { return }
    ErrorQueue.clear()
    _ = SSL_shutdown(handle)
    ErrorQueue.clear()
  }

  /// Appends the ciphertext that waits to be sent.
  package func takeOutput(into ciphertext: inout ByteBuffer) {
    if ciphertext.readableBytes == 0 {
      // Handed over rather than copied.
      swap(&ciphertext, &outgoing)
    } else {
      ciphertext.writeBuffer(&outgoing)
    }
    if outgoing.capacity > Self.keptBytesMax { outgoing = ByteBuffer() } else { outgoing.clear() }
  }

  private func handshake() throws(TLSError) {
    ErrorQueue.clear()
    let result = SSL_do_handshake(handle)
    guard result == 1 else {
      if SSL_get_error(handle, result) == SSL_ERROR_WANT_READ { return }
      throw .handshakeFailed(reason: failureReason())
    }
    guard !context.isForWeb else {
      isEstablished = true
      return
    }
    try context.applicationProtocols.check(ApplicationProtocols.negotiated(handle))
    peerIdentities = PeerURIs.read(of: handle)
    if case .uri(let uri) = expected,
      !peerIdentities.contains(where: { PeerURIs.names(uri, $0) })
    {
      throw .wrongPeer(expected: uri, found: peerIdentities)
    }
    if !context.deniedPeers.isEmpty {
      let serialNumber = PeerCertificate.serialNumber(of: handle)
      guard !context.deniedPeers.contains(serialNumber: serialNumber, identities: peerIdentities)
      else { throw .deniedPeer(serialNumber: serialNumber, identities: peerIdentities) }
    }
    peerCertificateDigest = PeerCertificate.digest(of: handle)
    PeerCertificate.discard(of: handle)
    isEstablished = true
  }

  /// False when there is no complete record left.
  private func readRecord(into plaintext: inout ByteBuffer) throws(TLSError) -> Bool {
    ErrorQueue.clear()
    var result: Int32 = 0
    let likely = max(Int(SSL_pending(handle)), min(incoming.readableBytes, Self.recordBytesMax))
    plaintext.writeWithUnsafeMutableBytes(
      minimumWritableBytes: max(likely, Self.roomBytesMin)
    ) { room in
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
