/// Where a process finds its certificate, its key and the authority that it trusts: PEM files.
///
/// Both ends verify each other, unless a server is told not to ask; TLS 1.3 only; ALPN `h2`.
package struct TLSConfiguration: Sendable, Hashable {
  /// Whether a server's clients must prove who they are.
  package enum ClientCertificates: Sendable, Hashable {
    case required
    /// For conformance and interoperability suites whose clients have none: every peer is nameless.
    case notAsked
  }

  /// The certificate chain of this process, its own certificate first, then those of authorities
  /// between it and the one that peers trust; exactly these are sent.
  package var certificateFile: String
  package var privateKeyFile: String
  /// The only authorities that a peer's certificate may come from.
  package var certificateAuthorityFile: String
  package var clientCertificates = ClientCertificates.required

  package init(certificateFile: String, privateKeyFile: String, certificateAuthorityFile: String) {
    self.certificateFile = certificateFile
    self.privateKeyFile = privateKeyFile
    self.certificateAuthorityFile = certificateAuthorityFile
  }
}
