import COpenSSL
import OpenSSL

/// The names in a peer's verified certificate.
enum PeerURIs {
  /// Names read from one certificate; a mesh certificate has one.
  private static let namesMax: Int32 = 64

  /// Whether `name` is the identity, or that of which the identity is an instance: one more
  /// segment, as in `spiffe://chatelaine/gateway/2`.
  static func names(_ name: String, _ identity: String) -> Bool {
    guard identity.utf8.starts(with: name.utf8) else { return false }
    let rest = identity.utf8.dropFirst(name.utf8.count)
    let slash = UInt8(ascii: "/")
    return rest.isEmpty || rest.first == slash && !rest.dropFirst().contains(slash)
  }

  /// The URI subject alternative names (RFC 5280, 4.2.1.6).
  static func read(of connection: OpaquePointer) -> [String] {
    guard let certificate = copenssl_peer_certificate(connection) else { return [] }
    defer { X509_free(certificate) }
    guard let names = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else {
      return []
    }
    let list = OpaquePointer(names)
    defer { GENERAL_NAMES_free(list) }
    return (0..<min(copenssl_general_names_count(list), namesMax)).compactMap { index in
      var count: Int32 = 0
      guard let start = copenssl_general_names_uri(list, index, &count) else { return nil }
      let bytes = UnsafeBufferPointer(start: start, count: Int(count))
      // A URI is visible ASCII; anything else could look like a name that it isn't.
      guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}

/// What OpenSSL keeps of a peer's certificates for as long as the connection lives, although nobody
/// looks at them after the handshake: some 5 KiB.
enum PeerCertificate {
  /// Takes the place of the peer's key, which is larger. Shared, because it never changes.
  private nonisolated(unsafe) static let smallKey = EVP_PKEY_new_raw_public_key(
    EVP_PKEY_ED25519, nil, [UInt8](repeating: 0, count: smallKeyBytes), smallKeyBytes)
  private static let smallKeyBytes = 32

  /// The serial number in hexadecimal; empty without a certificate.
  static func serialNumber(of connection: OpaquePointer) -> String {
    guard let certificate = SSL_get0_peer_certificate(connection) else { return "" }
    return SerialNumber.text(of: certificate)
  }

  /// SHA-256 of the certificate in DER, as RFC 8705 (3.1) names one; empty without a certificate.
  static func digest(of connection: OpaquePointer) -> [UInt8] {
    SSL_get0_peer_certificate(connection).map { CertificateDigest.of($0) } ?? []
  }

  /// To be called once the handshake is over and the names have been read.
  ///
  /// There is no way to take the certificate from its connection, so it is emptied.
  static func discard(of connection: OpaquePointer) {
    ErrorQueue.clear()
    empty(SSL_get_peer_cert_chain(connection))
    empty(SSL_get0_verified_chain(connection))
    guard let certificate = SSL_get0_peer_certificate(connection) else { return }
    while let field = X509_delete_ext(certificate, 0) { X509_EXTENSION_free(field) }
    if let smallKey { X509_set_pubkey(certificate, smallKey) }
    if let name = X509_NAME_new() {
      X509_set_subject_name(certificate, name)
      X509_set_issuer_name(certificate, name)
      X509_NAME_free(name)
    }
    // Without memory for the small parts the large ones stay, which does no harm.
    ErrorQueue.clear()
  }

  /// `SSL_free` frees the list itself.
  private static func empty(_ list: OpaquePointer?) {
    while let certificate = OPENSSL_sk_pop(list) { X509_free(OpaquePointer(certificate)) }
  }
}

/// What a certificate is called where its whole text would be too long.
enum CertificateDigest {
  /// SHA-256 of the certificate in DER; empty when OpenSSL fails.
  static func of(_ certificate: OpaquePointer) -> [UInt8] {
    ErrorQueue.clear()
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    guard X509_digest(certificate, EVP_sha256(), &digest, &count) == 1 else {
      ErrorQueue.clear()
      return []
    }
    return Array(digest.prefix(Int(count)))
  }
}
