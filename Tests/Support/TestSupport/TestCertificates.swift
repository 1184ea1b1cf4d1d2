import Foundation
package import LocalDeployment

/// A certificate authority of one test, in a directory that goes when this does.
package final class TestCertificates {
  package let directory: String
  private let authority: DevelopmentCA

  package init() throws {
    var template = Array("/tmp/chatelaine-certificates.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw DeploymentError.file(path: "/tmp", reason: "can't make a directory")
    }
    directory = template.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { String(cString: $0) } ?? ""
    }
    authority = try DevelopmentCA.loadOrCreate(in: directory)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// The standard certificate of `service`: `spiffe://chatelaine/<service>`, localhost, 127.0.0.1.
  package func paths(_ service: String) throws -> CertificatePaths {
    try authority.issue(service: service, in: directory)
  }

  /// A certificate that says something else.
  package func paths(_ leaf: LeafCertificate) throws -> CertificatePaths {
    try authority.issue(leaf, in: directory)
  }
}
