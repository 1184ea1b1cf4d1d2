import Foundation

/// Where `chatelaine init` puts what it makes: a directory for each service, which is all that the
/// service needs to see of it.
///
/// ```
/// <service>/ca.pem                 the authority that peers' certificates come from
/// <service>/tls.pem, tls.key       the service's own certificate; also for `operator`
/// <service>/database-url           of the run-time role: auth, vault, audit
/// auth/account.key                 what second factors, sessions and tokens depend on
/// auth/assertion-signing.pem       Ed25519; several while one is replaced
/// vault/, audit/assertion-public.pem   the public halves
/// audit/log-signing.pem            Ed25519, for as long as there is a log
/// vault/master.key                 what every stored key depends on
/// migrate/<schema>.database-url    of the role that owns the schema
/// authority/ca.pem, ca.key         issues certificates; no service needs it
/// ```
package struct SecretsLayout: Sendable, Equatable {
  package let path: String

  /// - Parameter path: made absolute; nothing is created.
  package init(_ path: String) {
    self.path = URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
  }

  var authority: String { path + "/authority" }
  var migrate: String { path + "/migrate" }
  package var masterKeyFile: String { directory(of: "vault") + "/master.key" }
  var accountKeyFile: String { directory(of: "auth") + "/account.key" }
  var assertionSigningKeyFile: String { directory(of: "auth") + "/assertion-signing.pem" }

  package var logSigningKeyFile: String { directory(of: "audit") + "/log-signing.pem" }

  func directory(of service: String) -> String { path + "/" + service }
  func databaseURLFile(of service: String) -> String { directory(of: service) + "/database-url" }
  func assertionPublicKeysFile(of service: String) -> String {
    directory(of: service) + "/assertion-public.pem"
  }

  /// The connection URL of the role that owns a schema: for migrations.
  package func ownerURLFile(of schema: String) -> String { "\(migrate)/\(schema).database-url" }

  package func certificatePaths(of service: String) -> CertificatePaths {
    let directory = directory(of: service)
    return CertificatePaths(
      certificate: directory + "/tls.pem", privateKey: directory + "/tls.key",
      authority: directory + "/ca.pem")
  }
}
