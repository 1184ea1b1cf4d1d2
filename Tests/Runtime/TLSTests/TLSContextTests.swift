import Foundation
import LocalDeployment
import TLS
import TestSupport
import Testing

@Suite struct TLSContextTests {
  private let certificates: TestCertificates

  init() throws {
    certificates = try TestCertificates()
  }

  private func configuration(_ paths: CertificatePaths) -> TLSConfiguration {
    TLSConfiguration(
      certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
      certificateAuthorityFile: paths.authority)
  }

  @Test func goodFilesAreAccepted() throws {
    _ = try TLSContext(.server, configuration(certificates.paths("vault")))
    _ = try TLSContext(.client, configuration(certificates.paths("vault")))
  }

  @Test func aMissingFileIsNamed() throws {
    let good = configuration(try certificates.paths("vault"))
    let missing = "/nonexistent/file.pem"
    for field in [\TLSConfiguration.certificateFile, \.privateKeyFile, \.certificateAuthorityFile] {
      var configuration = good
      configuration[keyPath: field] = missing
      #expect(throws: TLSError.fileUnreadable(path: missing)) {
        _ = try TLSContext(.server, configuration)
      }
    }
  }

  @Test func aFileOfSomethingElseIsNamed() throws {
    let good = configuration(try certificates.paths("vault"))
    let path = certificates.directory + "/notes.txt"
    try "not PEM".write(toFile: path, atomically: true, encoding: .utf8)
    for field in [\TLSConfiguration.certificateFile, \.privateKeyFile, \.certificateAuthorityFile] {
      var configuration = good
      configuration[keyPath: field] = path
      let error = #expect(throws: TLSError.self) { _ = try TLSContext(.server, configuration) }
      guard case .fileMalformed(path, _)? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  @Test func theKeyOfAnotherCertificateIsRefused() throws {
    var configuration = configuration(try certificates.paths("vault"))
    configuration.privateKeyFile = try certificates.paths("auth").privateKey
    #expect(
      throws: TLSError.keyDoesNotMatch(
        certificate: configuration.certificateFile, key: configuration.privateKeyFile)
    ) { _ = try TLSContext(.server, configuration) }
  }

  @Test func anExpiredCertificateIsRefused() throws {
    let paths = try certificates.paths(.expired(service: "vault"))
    #expect(throws: TLSError.certificateExpired(path: paths.certificate)) {
      _ = try TLSContext(.server, configuration(paths))
    }
  }

  @Test func aCertificateOfTheFutureIsRefused() throws {
    var leaf = LeafCertificate(service: "vault")
    leaf.validFrom = 3_600
    let paths = try certificates.paths(leaf)
    #expect(throws: TLSError.certificateNotYetValid(path: paths.certificate)) {
      _ = try TLSContext(.server, configuration(paths))
    }
  }

  @Test func reloadingKeepsTheOldContextWhenTheFilesAreBad() throws {
    let paths = try certificates.paths("vault")
    let credentials = try TLSCredentials(.server, configuration(paths))
    let old = credentials.current
    try "broken".write(toFile: paths.certificate, atomically: true, encoding: .utf8)
    #expect(throws: TLSError.self) { try credentials.reload() }
    #expect(credentials.current === old)
    _ = try certificates.paths("vault")
    try credentials.reload()
    #expect(credentials.current !== old)
  }

  @Test func filesThatDidNotChangeAreNotReadAgain() throws {
    let paths = try certificates.paths("vault")
    let credentials = try TLSCredentials(.server, configuration(paths))
    #expect(try !credentials.reloadIfChanged())
    _ = try certificates.paths("vault")
    #expect(try credentials.reloadIfChanged())
    #expect(try !credentials.reloadIfChanged())
    try "broken".write(toFile: paths.certificate, atomically: true, encoding: .utf8)
    #expect(throws: TLSError.self) { try credentials.reloadIfChanged() }
    // Said once.
    #expect(try !credentials.reloadIfChanged())
  }
}
