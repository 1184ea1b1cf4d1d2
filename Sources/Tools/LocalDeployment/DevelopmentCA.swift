internal import COpenSSL

/// The certificate authority of one state directory: it vouches for the services of one machine.
///
/// P-256 throughout. Nothing outside the state directory trusts it. Certificates are
/// renewed when they near their end.
package struct DevelopmentCA {
  static let validityDays = 3_650
  private static let secondsPerDay = 86_400

  /// The authority's certificate, PEM.
  package let certificatePath: String
  private let certificate: X509Certificate
  private let key: PrivateKey

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
        certificatePath: paths.certificate, certificate: try X509Certificate(pem: certificate),
        key: try PrivateKey(pem: key))
      guard authority.certificate.belongs(to: authority.key) else {
        throw DeploymentError.file(path: paths.key, reason: "is not the key of ca.pem")
      }
      if authority.certificate.isValid(secondsFromNow: LeafCertificate.validityDays * secondsPerDay)
      {
        return authority
      }
    }
    let key = try PrivateKey()
    let certificate = try X509Certificate.make(
      commonName: "Chatelaine development CA", key: key, validFrom: -300,
      validTo: validityDays * secondsPerDay,
      extensions: [
        (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
        (NID_key_usage, "critical,keyCertSign,cRLSign"),
        (NID_subject_key_identifier, "hash"),
      ], issuer: nil)
    // The key first: a certificate without its key would be refused by the next start.
    try SecretFile.write(key.pem(), to: paths.key)
    try SecretFile.write(certificate.pem(), to: paths.certificate, mode: 0o644)
    return DevelopmentCA(certificatePath: paths.certificate, certificate: certificate, key: key)
  }

  /// The standard certificate of a service, from the directory's files when they still serve,
  /// else issued anew.
  package func ensure(service: String, in directory: String) throws -> CertificatePaths {
    let paths = self.paths(service: service, in: directory)
    if let pem = try SecretFile.read(paths.certificate),
      let keyPEM = try SecretFile.read(paths.privateKey),
      let leaf = try? X509Certificate(pem: pem), let leafKey = try? PrivateKey(pem: keyPEM),
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
    let leafKey = try PrivateKey()
    let issued = try X509Certificate.make(
      commonName: leaf.service, key: leafKey, validFrom: leaf.validFrom, validTo: leaf.validTo,
      extensions: [
        (NID_basic_constraints, "critical,CA:FALSE"),
        (NID_key_usage, "critical,digitalSignature"),
        (NID_ext_key_usage, leaf.extendedKeyUsage),
        (NID_subject_alt_name, leaf.subjectAlternativeName),
        (NID_subject_key_identifier, "hash"),
        (NID_authority_key_identifier, "keyid:always"),
      ], issuer: (certificate, key))
    let paths = self.paths(service: leaf.service, in: directory)
    try SecretFile.write(leafKey.pem(), to: paths.privateKey)
    try SecretFile.write(issued.pem(), to: paths.certificate, mode: 0o644)
    return paths
  }

  private func paths(service: String, in directory: String) -> CertificatePaths {
    CertificatePaths(
      certificate: "\(directory)/\(service).pem", privateKey: "\(directory)/\(service).key",
      authority: certificatePath)
  }
}
