import Foundation
import Testing

@testable import LocalDeployment

@Suite struct DevelopmentCATests {
  @Test func aServiceCertificateVerifiesAgainstItsAuthority() async throws {
    let scratch = try ScratchDirectory()
    let authority = try DevelopmentCA.loadOrCreate(in: scratch / "ca")
    let paths = try authority.issue(service: "vault", in: scratch / "certificates")
    for purpose in ["sslserver", "sslclient"] {
      try await openssl(
        "verify", "-x509_strict", "-purpose", purpose, "-CAfile", paths.authority,
        paths.certificate)
    }
    let text = try await openssl("x509", "-in", paths.certificate, "-noout", "-text")
    #expect(text.contains("URI:spiffe://chatelaine/vault"))
    #expect(text.contains("DNS:localhost, DNS:vault"))
    #expect(text.contains("IP Address:127.0.0.1"))
    #expect(text.contains("prime256v1"))
    #expect(try ScratchDirectory.mode(paths.privateKey) == 0o600)
    #expect(try ScratchDirectory.mode(scratch / "ca/ca.key") == 0o600)
  }

  @Test func anAuthorityIsMadeOnce() throws {
    let scratch = try ScratchDirectory()
    let first = try DevelopmentCA.loadOrCreate(in: scratch / "ca")
    let pem = try SecretFile.read(first.certificatePath)
    let second = try DevelopmentCA.loadOrCreate(in: scratch / "ca")
    #expect(try SecretFile.read(second.certificatePath) == pem)
  }

  @Test func aGoodCertificateIsKeptAndOneNearItsEndRenewed() throws {
    let scratch = try ScratchDirectory()
    let authority = try DevelopmentCA.loadOrCreate(in: scratch / "ca")
    let paths = try authority.ensure(service: "auth", in: scratch.path)
    let first = try SecretFile.read(paths.certificate)
    _ = try authority.ensure(service: "auth", in: scratch.path)
    #expect(try SecretFile.read(paths.certificate) == first)

    var ending = LeafCertificate(service: "auth")
    ending.validFrom = -61 * 86_400
    ending.validTo = 29 * 86_400
    try authority.issue(ending, in: scratch.path)
    let short = try SecretFile.read(paths.certificate)
    _ = try authority.ensure(service: "auth", in: scratch.path)
    #expect(try SecretFile.read(paths.certificate) != short)
  }

  @Test func certificatesOfAnotherAuthorityAreReplaced() throws {
    let scratch = try ScratchDirectory()
    let other = try DevelopmentCA.loadOrCreate(in: scratch / "other")
    let paths = try other.issue(service: "auth", in: scratch.path)
    let foreign = try SecretFile.read(paths.certificate)
    let authority = try DevelopmentCA.loadOrCreate(in: scratch / "ca")
    _ = try authority.ensure(service: "auth", in: scratch.path)
    #expect(try SecretFile.read(paths.certificate) != foreign)
  }

  @Test func certificatesMadeToBeRefusedAreRefused() async throws {
    let scratch = try ScratchDirectory()
    let authority = try DevelopmentCA.loadOrCreate(in: scratch / "ca")
    let other = try DevelopmentCA.loadOrCreate(in: scratch / "other")
    let expired = try authority.issue(.expired(service: "vault"), in: scratch.path)
    let foreign = try other.issue(service: "audit", in: scratch.path)
    for path in [expired.certificate, foreign.certificate] {
      await #expect(throws: DeploymentError.self) {
        try await openssl("verify", "-CAfile", authority.certificatePath, path)
      }
    }
    let misnamed = try authority.issue(.misnamed(service: "auth", as: "vault"), in: scratch.path)
    let text = try await openssl("x509", "-in", misnamed.certificate, "-noout", "-text")
    #expect(text.contains("URI:spiffe://chatelaine/vault"))
    #expect(!text.contains("spiffe://chatelaine/auth"))
  }

  @Test func anAuthorityWithoutItsKeyIsAnError() throws {
    let scratch = try ScratchDirectory()
    _ = try DevelopmentCA.loadOrCreate(in: scratch / "ca")
    try FileManager.default.removeItem(atPath: scratch / "ca/ca.key")
    #expect(throws: DeploymentError.self) { try DevelopmentCA.loadOrCreate(in: scratch / "ca") }
  }

  @discardableResult
  private func openssl(_ arguments: String...) async throws -> String {
    try await Command(
      path: "/usr/bin/openssl", arguments: arguments, environment: ["PATH": "/usr/bin:/bin"]
    ).run()
  }
}
