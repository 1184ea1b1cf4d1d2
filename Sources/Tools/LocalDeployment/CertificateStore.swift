import Files
import Foundation
import Identity
import OpenSSL

/// The certificates of a secrets directory that `chatelaine init` has filled.
package struct CertificateStore: Sendable {
  private static let names =
    ServiceName.allCases.map(\.rawValue) + [ServiceName.operatorCertificate]
  /// Of an instance's name, in characters.
  package static let instanceCharactersMax = 63

  let layout: SecretsLayout

  package init(layout: SecretsLayout) { self.layout = layout }

  /// A line for each certificate: identity, serial number, last day (UTC).
  package func list() throws -> [String] {
    try Self.names.map { name in
      let contents = try contents(of: name).contents
      let end = Date(timeIntervalSince1970: TimeInterval(contents.notAfter))
      let day = end.formatted(.iso8601.year().month().day())
      return "\(contents.uris.joined(separator: " "))  \(contents.serialNumber)  until \(day)"
    }
  }

  /// Issues anew what is due, with the names and the owner that it had; returns the paths.
  ///
  /// - Parameter all: also what isn't due.
  package func renew(all: Bool = false) throws -> [String] {
    let authority = try authority()
    return try Self.names.compactMap { name in
      let (path, contents) = try contents(of: name)
      guard all || contents.isDue(at: time(nil)) else { return nil }
      var leaf = LeafCertificate(service: name)
      leaf.identity = contents.uris.first ?? leaf.identity
      leaf.dnsNames = contents.dnsNames
      var status = stat()
      guard stat(path, &status) == 0 else { throw SecretFile.failure(path) }
      try authority.issue(
        leaf, at: layout.certificatePaths(of: name),
        owner: AtomicFile.Owner(userID: status.st_uid, groupID: status.st_gid))
      return path
    }
  }

  /// Writes a certificate of one more instance into a directory of its own.
  ///
  /// - Throws: `DeploymentError.certificate` for a name that isn't one.
  package func issue(service: String, instance: String, to directory: String) throws {
    guard Self.names.contains(service) else {
      throw DeploymentError.certificate(
        "there is no service '\(service)'; there are \(Self.names.joined(separator: ", "))")
    }
    let isPlain = instance.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
    }
    guard isPlain, (1...Self.instanceCharactersMax).contains(instance.utf8.count) else {
      throw DeploymentError.certificate(
        "an instance's name has 1 to \(Self.instanceCharactersMax) characters of a-z 0-9 and -")
    }
    let authority = try authority()
    let owner = AtomicFile.Owner(userID: geteuid(), groupID: getegid())
    try SecretFile.ensureDirectory(directory, mode: 0o700, owner: owner)
    if let pem = try SecretFile.read(authority.certificatePath) {
      try SecretFile.write(pem, to: directory + "/ca.pem", mode: 0o444)
    }
    try authority.issue(
      LeafCertificate(service: service, instance: instance, dnsNames: []),
      at: CertificatePaths(
        certificate: directory + "/tls.pem", privateKey: directory + "/tls.key",
        authority: directory + "/ca.pem"), owner: owner)
  }

  private func authority() throws -> DevelopmentCA {
    let path = layout.authority + "/ca.pem"
    guard access(path, F_OK) == 0 else {
      throw DeploymentError.file(path: path, reason: "is missing; run chatelaine init first")
    }
    return try DevelopmentCA.loadOrCreate(in: layout.authority)
  }

  private func contents(of name: String) throws -> (path: String, contents: CertificateContents) {
    let path = layout.certificatePaths(of: name).certificate
    guard let pem = try SecretFile.read(path) else {
      throw DeploymentError.file(path: path, reason: "is missing; run chatelaine init")
    }
    guard let certificate = try? Certificate(pem: pem) else {
      throw DeploymentError.file(path: path, reason: "is not a certificate in PEM")
    }
    return (path, CertificateContents(certificate))
  }
}

/// Renews what is due of a store, day after day: where nothing else runs daily.
package struct CertificateWatch: Sendable {
  package static let interval: Duration = .seconds(86_400)
  package static let retryInterval: Duration = .seconds(3_600)

  private let store: CertificateStore
  private let interval: Duration
  private let retryInterval: Duration
  private let tell: @Sendable (String) -> Void
  private let report: @Sendable (String) -> Void

  /// - Parameters:
  ///   - tell: receives what was renewed.
  ///   - report: receives why nothing could be.
  package init(
    store: CertificateStore, interval: Duration = Self.interval,
    retryInterval: Duration = Self.retryInterval, tell: @escaping @Sendable (String) -> Void,
    report: @escaping @Sendable (String) -> Void
  ) {
    (self.store, self.interval, self.retryInterval) = (store, interval, retryInterval)
    (self.tell, self.report) = (tell, report)
  }

  /// Returns with the first request to stop.
  package func run(until requests: StopRequests) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await requests.wait(for: 1) }
      group.addTask {
        while !Task.isCancelled {
          // Ends early only with the task.
          try? await Task.sleep(for: self.look())
        }
      }
      await group.next()
      group.cancelAll()
    }
  }

  /// How long to wait for the next look.
  private func look() -> Duration {
    do {
      for path in try store.renew() { tell("renewed \(path)") }
      return interval
    } catch {
      report("certificates could not be renewed: \(error)")
      return retryInterval
    }
  }
}
