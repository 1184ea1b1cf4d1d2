package import Files
import Foundation
import Identity
import OpenSSL

/// The certificate authority of one state directory: it vouches for the services of one machine.
///
/// P-256 throughout. Nothing outside the state directory trusts it. Certificates are
/// renewed when they near their end.
package struct DevelopmentCA {
  static let validityDays = 3_650
  private static let secondsPerDay = 86_400

  /// The authority's certificate, PEM.
  package let certificatePath: String
  private let certificate: Certificate
  private let key: AsymmetricKey

  /// Reads `ca.pem` and `ca.key` of a directory, or makes both.
  ///
  /// - Throws: `DeploymentError` when a file is there but is not what it should be, or only one is.
  package static func loadOrCreate(in directory: String) throws -> DevelopmentCA {
    try SecretFile.makeDirectory(directory)
    let paths = (certificate: directory + "/ca.pem", key: directory + "/ca.key")
    if let certificate = try SecretFile.read(paths.certificate) {
      guard let key = try SecretFile.read(paths.key) else {
        throw DeploymentError.file(path: paths.key, reason: "is missing beside ca.pem")
      }
      let authority = DevelopmentCA(
        certificatePath: paths.certificate,
        certificate: try checked { try Certificate(pem: certificate) },
        key: try checked { try AsymmetricKey(.privateKey, pem: key) })
      guard authority.certificate.belongs(to: authority.key) else {
        throw DeploymentError.file(path: paths.key, reason: "is not the key of ca.pem")
      }
      if authority.certificate.isValid(secondsFromNow: LeafCertificate.validityDays * secondsPerDay)
      {
        return authority
      }
    }
    return try checked {
      let key = try AsymmetricKey.generateP256()
      let certificate = try Certificate.issue(
        commonName: "Chatelaine development CA", key: key, validFrom: -300,
        validTo: validityDays * secondsPerDay,
        extensions: [
          .basicConstraints("critical,CA:TRUE,pathlen:0"),
          .keyUsage("critical,keyCertSign,cRLSign"), .subjectKeyIdentifier,
        ], issuer: nil)
      try write(key, certificate, to: paths)
      return DevelopmentCA(certificatePath: paths.certificate, certificate: certificate, key: key)
    }
  }

  /// The standard certificate of a service, from the directory's files when they still serve,
  /// else issued anew.
  package func ensure(service: String, in directory: String) throws -> CertificatePaths {
    let paths = self.paths(service: service, in: directory)
    try ensure(LeafCertificate(service: service), at: paths)
    return paths
  }

  /// Has a certificate that says what `leaf` does stand at `paths`, with more than a third of its
  /// life left; says whether it was issued anew.
  @discardableResult
  package func ensure(
    _ leaf: LeafCertificate, at paths: CertificatePaths, owner: AtomicFile.Owner? = nil
  ) throws -> Bool {
    if let pem = try SecretFile.read(paths.certificate),
      let keyPEM = try SecretFile.read(paths.privateKey),
      let certificate = try? Certificate(pem: pem),
      let key = try? AsymmetricKey(.privateKey, pem: keyPEM),
      certificate.belongs(to: key), certificate.isSigned(by: self.key)
    {
      let contents = CertificateContents(certificate)
      if contents.uris == [leaf.identity], contents.dnsNames == leaf.dnsNames,
        !contents.isDue(at: time(nil))
      {
        return false
      }
    }
    try issue(leaf, at: paths, owner: owner)
    return true
  }

  /// Issues the standard certificate of a service as `<service>.pem` and `<service>.key`.
  @discardableResult
  package func issue(service: String, in directory: String) throws -> CertificatePaths {
    try issue(LeafCertificate(service: service), in: directory)
  }

  /// Issues any certificate as `<service>.pem` and `<service>.key`, replacing what is there.
  @discardableResult
  package func issue(_ leaf: LeafCertificate, in directory: String) throws -> CertificatePaths {
    try SecretFile.makeDirectory(directory)
    let paths = self.paths(service: leaf.service, in: directory)
    try issue(leaf, at: paths)
    return paths
  }

  /// Issues any certificate, replacing what is at `paths`.
  package func issue(
    _ leaf: LeafCertificate, at paths: CertificatePaths, owner: AtomicFile.Owner? = nil
  ) throws {
    try Self.checked {
      let leafKey = try AsymmetricKey.generateP256()
      let issued = try Certificate.issue(
        commonName: leaf.service, key: leafKey, validFrom: leaf.validFrom, validTo: leaf.validTo,
        extensions: [
          .basicConstraints("critical,CA:FALSE"), .keyUsage("critical,digitalSignature"),
          .extendedKeyUsage(leaf.extendedKeyUsage),
          .subjectAlternativeName(leaf.subjectAlternativeName), .subjectKeyIdentifier,
          .authorityKeyIdentifier,
        ], issuer: (certificate, key))
      try Self.write(leafKey, issued, to: (paths.certificate, paths.privateKey), owner: owner)
    }
  }

  /// The key first: a certificate without its key would be refused by the next start.
  private static func write(
    _ key: AsymmetricKey, _ certificate: Certificate, to paths: (certificate: String, key: String),
    owner: AtomicFile.Owner? = nil
  ) throws {
    // A file that is given to somebody is read by that one only, and written by nobody.
    let modes: (certificate: mode_t, key: mode_t) = owner == nil ? (0o644, 0o600) : (0o444, 0o400)
    try key.withPrivatePEM { pem in
      Result { try SecretFile.write(pem, to: paths.key, mode: modes.key, owner: owner) }
    }.get()
    try SecretFile.write(
      certificate.pem(), to: paths.certificate, mode: modes.certificate, owner: owner)
  }

  /// What OpenSSL refuses is an error of the deployment.
  private static func checked<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as OpenSSLError {
      throw DeploymentError.certificate("\(error)")
    }
  }

  private func paths(service: String, in directory: String) -> CertificatePaths {
    CertificatePaths(
      certificate: "\(directory)/\(service).pem", privateKey: "\(directory)/\(service).key",
      authority: certificatePath)
  }
}

/// What a leaf certificate says; tests change it to make certificates that must be refused.
package struct LeafCertificate: Sendable, Equatable {
  package static let validityDays = 90
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

  /// What `chatelaine init` and `certificates` issue.
  ///
  /// - Parameters:
  ///   - instance: of several with the same rights: `spiffe://chatelaine/<service>/<instance>`.
  ///   - dnsNames: beside `localhost` and the service's own name.
  package init(service: String, instance: String?, dnsNames: [String]) {
    self.init(service: service)
    if let instance { identity += "/" + instance }
    for name in dnsNames where !self.dnsNames.contains(name) { self.dnsNames.append(name) }
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
