import COpenSSL

/// An X.509 certificate (RFC 5280).
///
/// Unchecked: it is never changed once made, and OpenSSL lets threads share such a certificate.
package final class Certificate: @unchecked Sendable {
  /// An extension in the notation of openssl.cnf (x509v3_config(5)).
  package struct Extension: Sendable, Hashable {
    fileprivate let kind: Int32
    fileprivate let value: String

    package static func basicConstraints(_ value: String) -> Extension {
      Extension(kind: NID_basic_constraints, value: value)
    }
    package static func keyUsage(_ value: String) -> Extension {
      Extension(kind: NID_key_usage, value: value)
    }
    package static func extendedKeyUsage(_ value: String) -> Extension {
      Extension(kind: NID_ext_key_usage, value: value)
    }
    package static func subjectAlternativeName(_ value: String) -> Extension {
      Extension(kind: NID_subject_alt_name, value: value)
    }
    /// Names the certificate's own key by a hash.
    package static let subjectKeyIdentifier = Extension(
      kind: NID_subject_key_identifier, value: "hash")
    /// Names the issuer's key as the issuer's certificate does.
    package static let authorityKeyIdentifier = Extension(
      kind: NID_authority_key_identifier, value: "keyid:always")
  }

  private static let serialNumberBits: Int32 = 127

  /// OpenSSL's `X509`; it lives as long as this.
  let pointer: OpaquePointer

  private init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    X509_free(pointer)
  }

  // MARK: PEM

  /// Reads the first certificate of a PEM text.
  package convenience init(pem: [UInt8]) throws(OpenSSLError) {
    let read = pem.withUnsafeBytes { bytes in
      Result { () throws(OpenSSLError) in
        let bio = try MemoryBIO(reading: bytes)
        guard let pointer = PEM_read_bio_X509(bio.pointer, nil, { _, _, _, _ in -1 }, nil) else {
          throw OpenSSLError("not a certificate in PEM")
        }
        return pointer
      }
    }
    self.init(owning: try read.get())
  }

  package func pem() throws(OpenSSLError) -> [UInt8] {
    let bio = try MemoryBIO()
    try OpenSSLError.check(PEM_write_bio_X509(bio.pointer, pointer), "writing PEM")
    return bio.withContents { Array($0) }
  }

  // MARK: Checks

  package func isSigned(by key: AsymmetricKey) -> Bool {
    defer { ErrorQueue.clear() }
    return X509_verify(pointer, key.pointer) == 1
  }

  package func belongs(to key: AsymmetricKey) -> Bool {
    defer { ErrorQueue.clear() }
    return X509_check_private_key(pointer, key.pointer) == 1
  }

  /// Whether its end is later than so many seconds from now.
  package func isValid(secondsFromNow seconds: Int) -> Bool {
    let end = ASN1_TIME_new()
    defer { ASN1_TIME_free(end) }
    guard X509_gmtime_adj(end, seconds) != nil else { return false }
    return ASN1_TIME_compare(X509_get0_notAfter(pointer), end) > 0
  }

  /// The last moment of its validity, in seconds since 1970; nil for a time that is none.
  package var expiry: Int? {
    defer { ErrorQueue.clear() }
    guard let epoch = ASN1_TIME_set(nil, 0) else { return nil }
    defer { ASN1_TIME_free(epoch) }
    var (days, seconds): (Int32, Int32) = (0, 0)
    guard ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(pointer)) == 1 else {
      return nil
    }
    return Int(days) * 86_400 + Int(seconds)
  }

  // MARK: Issuing

  /// Makes and signs a certificate with a random serial number.
  ///
  /// - Parameters:
  ///   - validFrom: seconds from now; negative is the past.
  ///   - validTo: seconds from now.
  ///   - issuer: nil for a certificate that signs itself.
  package static func issue(
    commonName: String, key: AsymmetricKey, validFrom: Int, validTo: Int, extensions: [Extension],
    issuer: (certificate: Certificate, key: AsymmetricKey)?
  ) throws(OpenSSLError) -> Certificate {
    ErrorQueue.clear()
    guard let pointer = X509_new() else { throw OpenSSLError("certificate") }
    let certificate = Certificate(owning: pointer)
    let issuerCertificate = issuer?.certificate ?? certificate
    try OpenSSLError.check(X509_set_version(pointer, 2), "version")  // 2 is version 3
    try certificate.setRandomSerialNumber()
    X509_gmtime_adj(X509_getm_notBefore(pointer), validFrom)
    X509_gmtime_adj(X509_getm_notAfter(pointer), validTo)
    try OpenSSLError.check(
      X509_NAME_add_entry_by_txt(
        X509_get_subject_name(pointer), "CN", MBSTRING_FLAG, commonName, -1, -1, 0), "subject")
    try OpenSSLError.check(
      X509_set_issuer_name(pointer, X509_get_subject_name(issuerCertificate.pointer)), "issuer")
    try OpenSSLError.check(X509_set_pubkey(pointer, key.pointer), "public key")
    for entry in extensions {
      try OpenSSLError.check(
        copenssl_add_extension(pointer, issuerCertificate.pointer, entry.kind, entry.value),
        "extension \(entry.value)")
    }
    guard X509_sign(pointer, (issuer?.key ?? key).pointer, EVP_sha256()) > 0 else {
      throw OpenSSLError("signing")
    }
    return certificate
  }

  /// Positive and at most 20 octets (RFC 5280, 4.1.2.2).
  private func setRandomSerialNumber() throws(OpenSSLError) {
    guard let number = BN_new() else { throw OpenSSLError("serial number") }
    defer { BN_free(number) }
    try OpenSSLError.check(
      BN_rand(number, Self.serialNumberBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY), "serial number")
    guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pointer)) != nil else {
      throw OpenSSLError("serial number")
    }
  }
}
