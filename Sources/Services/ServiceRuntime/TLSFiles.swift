package import TLS

/// The certificate files of a process.
package enum TLSFiles {
  /// Reads the three settings; services refuse to start without them.
  package static func read(from reader: inout ConfigurationReader) -> TLSConfiguration {
    TLSConfiguration(
      certificateFile: reader.path(
        "TLS_CERTIFICATE_FILE", doc: "PEM file of this service's certificate chain."),
      privateKeyFile: reader.path(
        "TLS_PRIVATE_KEY_FILE", doc: "PEM file of this service's private key."),
      certificateAuthorityFile: reader.path(
        "TLS_CA_FILE", doc: "PEM file of the authority that signs the services' certificates."))
  }
}
