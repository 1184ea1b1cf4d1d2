internal import COpenSSL

/// The names in a peer's verified certificate.
enum PeerIdentity {
  /// Names read from one certificate; a mesh certificate has one.
  private static let namesMax: Int32 = 64

  /// The URI subject alternative names (RFC 5280, 4.2.1.6).
  static func uris(of connection: OpaquePointer) -> [String] {
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
