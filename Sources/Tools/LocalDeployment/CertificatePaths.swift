/// The three PEM files that one side of a TLS connection needs.
package struct CertificatePaths: Sendable, Equatable {
  package let certificate: String
  /// PKCS #8, mode 0600.
  package let privateKey: String
  /// The authority that the other side's certificate must come from.
  package let authority: String

  package init(certificate: String, privateKey: String, authority: String) {
    self.certificate = certificate
    self.privateKey = privateKey
    self.authority = authority
  }
}
