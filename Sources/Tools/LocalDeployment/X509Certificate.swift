internal import COpenSSL

/// An X.509 certificate owned by Swift.
final class X509Certificate {
  let handle: OpaquePointer

  /// Takes ownership.
  private init(owning handle: OpaquePointer) { self.handle = handle }

  deinit { X509_free(handle) }

  /// - Throws: `DeploymentError.certificate`.
  init(pem: [UInt8]) throws {
    let bio = try MemoryBIO(pem)
    guard let handle = PEM_read_bio_X509(bio.handle, nil, nil, nil) else {
      throw X509Certificate.failure("not a certificate in PEM")
    }
    self.handle = handle
  }

  /// Makes and signs a certificate (RFC 5280).
  ///
  /// - Parameter issuer: nil for a certificate that signs itself.
  static func make(
    commonName: String, key: PrivateKey, validFrom: Int, validTo: Int,
    extensions: [(nid: Int32, value: String)],
    issuer: (certificate: X509Certificate, key: PrivateKey)?
  ) throws -> X509Certificate {
    guard let handle = X509_new() else { throw failure("out of memory") }
    let certificate = X509Certificate(owning: handle)
    try check(X509_set_version(handle, 2), "version")  // 2 is version 3
    try setRandomSerial(handle)
    X509_gmtime_adj(X509_getm_notBefore(handle), validFrom)
    X509_gmtime_adj(X509_getm_notAfter(handle), validTo)
    try check(
      X509_NAME_add_entry_by_txt(
        X509_get_subject_name(handle), "CN", MBSTRING_FLAG, commonName, -1, -1, 0), "subject")
    let issuerCertificate = issuer?.certificate ?? certificate
    try check(
      X509_set_issuer_name(handle, X509_get_subject_name(issuerCertificate.handle)), "issuer")
    try check(X509_set_pubkey(handle, key.handle), "public key")
    for (nid, value) in extensions {
      try check(
        copenssl_add_extension(handle, issuerCertificate.handle, nid, value), "extension \(nid)")
    }
    guard X509_sign(handle, (issuer?.key ?? key).handle, EVP_sha256()) > 0 else {
      throw failure("signing")
    }
    return certificate
  }

  func pem() throws -> [UInt8] {
    let bio = try MemoryBIO()
    try Self.check(PEM_write_bio_X509(bio.handle, handle), "writing PEM")
    return bio.bytes
  }

  func isSigned(by key: PrivateKey) -> Bool { X509_verify(handle, key.handle) == 1 }

  func belongs(to key: PrivateKey) -> Bool { X509_check_private_key(handle, key.handle) == 1 }

  /// Still valid `seconds` from now.
  func isValid(secondsFromNow seconds: Int) -> Bool {
    let end = ASN1_TIME_new()
    defer { ASN1_TIME_free(end) }
    guard X509_gmtime_adj(end, seconds) != nil else { return false }
    return ASN1_TIME_compare(X509_get0_notAfter(handle), end) > 0
  }

  private static func setRandomSerial(_ handle: OpaquePointer) throws {
    guard let number = BN_new() else { throw failure("out of memory") }
    defer { BN_free(number) }
    // RFC 5280, 4.1.2.2: positive and at most 20 octets.
    try check(BN_rand(number, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY), "serial number")
    guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(handle)) != nil else {
      throw failure("serial number")
    }
  }

  static func check(_ result: Int32, _ step: String) throws {
    guard result == 1 else { throw failure(step) }
  }

  static func failure(_ step: String) -> DeploymentError {
    var text = [CChar](repeating: 0, count: 256)
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0 else { return .certificate(step) }
    ERR_error_string_n(code, &text, text.count)
    let detail = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return .certificate("\(step): \(String(decoding: detail, as: UTF8.self))")
  }
}
