import Identity

/// What a leaf certificate says; tests change it to make certificates that must be refused.
package struct LeafCertificate: Sendable, Equatable {
  package static let validityDays = 90
  /// A certificate with less than this left is issued anew at the next start.
  package static let renewalDays = 30
  private static let secondsPerDay = 86_400

  /// The service, also the common name and the files' base name.
  package var service: String
  /// Who the service is to its peers (SPIFFE ID as a URI SAN).
  package var identity: String
  package var dnsNames: [String]
  package var addresses: [String]
  /// Seconds from now; negative is the past.
  package var validFrom: Int
  /// Seconds from now; negative makes an expired certificate.
  package var validTo: Int
  package var allowsServer: Bool
  package var allowsClient: Bool

  /// What `up` issues: `spiffe://chatelaine/<service>`, valid on this machine only, for 90 days.
  package init(service: String) {
    self.service = service
    identity = PeerIdentity.of(service)
    dnsNames = ["localhost", service]
    addresses = ["127.0.0.1", "::1"]
    // Clocks of containers may differ a little.
    validFrom = -300
    validTo = Self.validityDays * Self.secondsPerDay
    allowsServer = true
    allowsClient = true
  }

  /// Ended an hour ago.
  package static func expired(service: String) -> LeafCertificate {
    var leaf = LeafCertificate(service: service)
    (leaf.validFrom, leaf.validTo) = (-7_200, -3_600)
    return leaf
  }

  /// In `service`'s files, but saying that it is `identity`.
  package static func misnamed(service: String, as identity: String) -> LeafCertificate {
    var leaf = LeafCertificate(service: service)
    leaf.identity = PeerIdentity.of(identity)
    leaf.dnsNames = ["localhost", identity]
    return leaf
  }

  var subjectAlternativeName: String {
    (["URI:" + identity] + dnsNames.map { "DNS:" + $0 } + addresses.map { "IP:" + $0 })
      .joined(separator: ",")
  }

  var extendedKeyUsage: String {
    [allowsServer ? "serverAuth" : nil, allowsClient ? "clientAuth" : nil]
      .compactMap { $0 }.joined(separator: ",")
  }
}
