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
    if let pem = try SecretFile.read(paths.certificate),
      let keyPEM = try SecretFile.read(paths.privateKey),
      let leaf = try? Certificate(pem: pem),
      let leafKey = try? AsymmetricKey(.privateKey, pem: keyPEM),
      leaf.belongs(to: leafKey), leaf.isSigned(by: key),
      leaf.isValid(secondsFromNow: LeafCertificate.renewalDays * Self.secondsPerDay)
    {
      return paths
    }
    return try issue(LeafCertificate(service: service), in: directory)
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
    return try Self.checked {
      let leafKey = try AsymmetricKey.generateP256()
      let issued = try Certificate.issue(
        commonName: leaf.service, key: leafKey, validFrom: leaf.validFrom, validTo: leaf.validTo,
        extensions: [
          .basicConstraints("critical,CA:FALSE"), .keyUsage("critical,digitalSignature"),
          .extendedKeyUsage(leaf.extendedKeyUsage),
          .subjectAlternativeName(leaf.subjectAlternativeName), .subjectKeyIdentifier,
          .authorityKeyIdentifier,
        ], issuer: (certificate, key))
      try Self.write(leafKey, issued, to: (paths.certificate, paths.privateKey))
      return paths
    }
  }

  /// The key first: a certificate without its key would be refused by the next start.
  private static func write(
    _ key: AsymmetricKey, _ certificate: Certificate, to paths: (certificate: String, key: String)
  ) throws {
    try key.withPrivatePEM { pem in Result { try SecretFile.write(pem, to: paths.key) } }.get()
    try SecretFile.write(certificate.pem(), to: paths.certificate, mode: 0o644)
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
