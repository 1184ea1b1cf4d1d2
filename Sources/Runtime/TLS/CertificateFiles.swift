import COpenSSL
import OpenSSL

/// Loads certificate, key and authority, and says plainly which file is wrong and how.
struct CertificateFiles {
  private let configuration: TLSConfiguration

  init(_ configuration: TLSConfiguration) {
    self.configuration = configuration
  }

  func load(into context: OpaquePointer) throws(TLSError) {
    try loadCertificate(into: context)
    try loadKey(into: context)
    try loadAuthority(into: context)
  }

  private func loadCertificate(into context: OpaquePointer) throws(TLSError) {
    let path = configuration.certificateFile
    try checkReadable(path)
    ErrorQueue.clear()
    guard SSL_CTX_use_certificate_chain_file(context, path) == 1 else {
      throw .fileMalformed(path: path, reason: "no PEM certificate (\(ErrorQueue.takeReason()))")
    }
    let certificate = SSL_CTX_get0_certificate(context)
    // The comparison gives 0 for a malformed time, which is no valid certificate either.
    if X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0 {
      throw .certificateExpired(path: path)
    }
    if X509_cmp_current_time(X509_get0_notBefore(certificate)) >= 0 {
      throw .certificateNotYetValid(path: path)
    }
  }

  private func loadKey(into context: OpaquePointer) throws(TLSError) {
    let path = configuration.privateKeyFile
    try checkReadable(path)
    ErrorQueue.clear()
    guard let file = BIO_new_file(path, "r") else { throw .fileUnreadable(path: path) }
    defer { BIO_free(file) }
    guard let key = PEM_read_bio_PrivateKey(file, nil, { _, _, _, _ in -1 }, nil) else {
      throw .fileMalformed(
        path: path, reason: "no unencrypted PEM private key (\(ErrorQueue.takeReason()))")
    }
    defer { EVP_PKEY_free(key) }
    guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1 else {
      ErrorQueue.clear()
      throw .keyDoesNotMatch(certificate: configuration.certificateFile, key: path)
    }
  }

  private func loadAuthority(into context: OpaquePointer) throws(TLSError) {
    let path = configuration.certificateAuthorityFile
    try checkReadable(path)
    ErrorQueue.clear()
    guard SSL_CTX_load_verify_file(context, path) == 1 else {
      throw .fileMalformed(path: path, reason: "no PEM certificate (\(ErrorQueue.takeReason()))")
    }
  }

  /// OpenSSL reports a missing file in the same words as a malformed one.
  private func checkReadable(_ path: String) throws(TLSError) {
    ErrorQueue.clear()
    guard let file = BIO_new_file(path, "r") else {
      ErrorQueue.clear()
      throw .fileUnreadable(path: path)
    }
    BIO_free(file)
  }
}
