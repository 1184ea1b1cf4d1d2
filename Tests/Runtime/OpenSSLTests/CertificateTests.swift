import OpenSSL
import Testing

@Suite struct CertificateTests {
  private static func authority(
    key: AsymmetricKey, validTo: Int = 3_600
  ) throws -> Certificate {
    try Certificate.issue(
      commonName: "Test CA", key: key, validFrom: -60, validTo: validTo,
      extensions: [
        .basicConstraints("critical,CA:TRUE,pathlen:0"), .keyUsage("critical,keyCertSign"),
        .subjectKeyIdentifier,
      ], issuer: nil)
  }

  @Test func aCertificateBelongsToItsKeyAndIsSignedByItsIssuers() throws {
    let (authorityKey, leafKey) = (
      try AsymmetricKey.generateP256(), try AsymmetricKey.generateP256()
    )
    let authority = try Self.authority(key: authorityKey)
    let leaf = try Certificate.issue(
      commonName: "leaf", key: leafKey, validFrom: -60, validTo: 600,
      extensions: [
        .basicConstraints("critical,CA:FALSE"), .extendedKeyUsage("serverAuth"),
        .subjectAlternativeName("URI:spiffe://test/leaf"), .authorityKeyIdentifier,
      ], issuer: (authority, authorityKey))
    let read = try Certificate(pem: leaf.pem())
    #expect(read.belongs(to: leafKey))
    #expect(!read.belongs(to: authorityKey))
    #expect(read.isSigned(by: authorityKey))
    #expect(!read.isSigned(by: leafKey))
    #expect(read.isValid(secondsFromNow: 590))
    #expect(!read.isValid(secondsFromNow: 610))
    #expect(try read.pem() == leaf.pem())
  }

  @Test func aMalformedExtensionIsRefused() throws {
    let key = try AsymmetricKey.generateP256()
    #expect(throws: OpenSSLError.self) {
      try Certificate.issue(
        commonName: "leaf", key: key, validFrom: 0, validTo: 60,
        extensions: [.subjectAlternativeName("NONSENSE:x")], issuer: nil)
    }
  }

  @Test func keysSurviveTheirPEM() throws {
    let key = try AsymmetricKey.generateP256()
    let pem = try key.withPrivatePEM { Array($0) }
    #expect(String(decoding: pem, as: UTF8.self).hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
    let read = try AsymmetricKey(.privateKey, pem: pem)
    #expect(!read.isEd25519)
    #expect(try read.publicPEM() == key.publicPEM())
    let half = try AsymmetricKey(.publicKey, pem: Array(key.publicPEM().utf8))
    #expect(try Self.authority(key: key).isSigned(by: half))
  }

  @Test(arguments: [
    "", "nonsense", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  ])
  func whatIsNoPEMIsRefused(_ text: String) {
    let pem = Array(text.utf8)
    #expect(throws: OpenSSLError.self) { try AsymmetricKey(.privateKey, pem: pem) }
    #expect(throws: OpenSSLError.self) { try AsymmetricKey(.publicKey, pem: pem) }
    #expect(throws: OpenSSLError.self) { try Certificate(pem: pem) }
  }

  @Test func anEncryptedKeyFailsInsteadOfAskingTheTerminal() {
    // openssl genpkey -algorithm ed25519 -aes256 -pass pass:secret
    let pem = """
      -----BEGIN ENCRYPTED PRIVATE KEY-----
      MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiw1wOlBY/m3QICCAAw
      DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEBrAmXKOYy+MP2qI2BvVO7gEQOBi
      U7obpcFNMvkGABxK2VFoZ0Uz7LM1uMXgIYk5RkmwgKaQWg7RVpPaQs1AtiUzEclv
      +gk4ZphFhR2uwJ+e27k=
      -----END ENCRYPTED PRIVATE KEY-----
      """
    #expect(throws: OpenSSLError.self) { try AsymmetricKey(.privateKey, pem: Array(pem.utf8)) }
  }
}
