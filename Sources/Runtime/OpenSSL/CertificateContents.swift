import COpenSSL
import Glibc

/// What a certificate says, for whoever lists or compares certificates.
package struct CertificateContents: Sendable, Hashable {
  /// Names read from one certificate.
  private static let namesMax: Int32 = 64

  /// In hexadecimal, as OpenSSL prints it: capital letters, two digits to a byte.
  package let serialNumber: String
  /// Seconds since 1970.
  package let notBefore: Int
  /// Seconds since 1970.
  package let notAfter: Int
  /// URI subject alternative names.
  package let uris: [String]
  package let dnsNames: [String]

  package init(_ certificate: Certificate) {
    serialNumber = SerialNumber.text(of: certificate.pointer)
    notBefore = Self.seconds(X509_get0_notBefore(certificate.pointer))
    notAfter = Self.seconds(X509_get0_notAfter(certificate.pointer))
    uris = Self.names(GEN_URI, of: certificate)
    dnsNames = Self.names(GEN_DNS, of: certificate)
  }

  /// Whether less than a third of its life is left at `now`, in seconds since 1970: time for
  /// another one.
  package func isDue(at now: Int) -> Bool { notAfter - now < (notAfter - notBefore) / 3 }

  private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int {
    var parts = tm()
    guard ASN1_TIME_to_tm(time, &parts) == 1 else { return 0 }
    return timegm(&parts)
  }

  private static func names(_ kind: Int32, of certificate: Certificate) -> [String] {
    let found = X509_get_ext_d2i(certificate.pointer, NID_subject_alt_name, nil, nil)
    guard let found else { return [] }
    let list = OpaquePointer(found)
    defer { GENERAL_NAMES_free(list) }
    return (0..<min(copenssl_general_names_count(list), namesMax)).compactMap { index in
      var count: Int32 = 0
      let start = copenssl_general_names_bytes(list, index, kind, &count)
      guard let start else { return nil }
      return String(
        decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }
  }
}

/// Serial numbers of certificates (RFC 5280, 4.1.2.2).
package enum SerialNumber {
  /// Of an `X509` of OpenSSL's: hexadecimal in capital letters; empty when there is no memory.
  package static func text(of certificate: OpaquePointer) -> String {
    guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil) else {
      return ""
    }
    defer { BN_free(number) }
    guard let text = BN_bn2hex(number) else { return "" }
    defer { CRYPTO_free(text, #file, #line) }
    return String(cString: text)
  }
}
