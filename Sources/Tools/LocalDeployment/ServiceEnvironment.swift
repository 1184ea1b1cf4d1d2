/// The environment that each service is started with; its files lie in its `ServiceDirectory`.
///
/// The operator's own variables pass through (limits, log level, allow-list) except what the
/// supervisor sets, what libpq would read, and what looks like somebody's credential: an API key
/// that happens to be in the operator's shell is none of the services' business.
struct ServiceEnvironment: Sendable {
  private static let reserved: Set<String> = [
    "LISTEN_ADDRESS", "READY_FILE", "DATABASE_URL", "MIGRATION_DATABASE_URL", "TLS_CERTIFICATE",
    "TLS_PRIVATE_KEY", "TLS_CA", "ENCRYPTION_MASTER_KEY", "ACCOUNT_KEY",
    "ASSERTION_SIGNING_KEY", "ASSERTION_PUBLIC_KEYS", "LOG_SIGNING_KEY", "AUTH_ADDRESS",
    "VAULT_ADDRESS", "AUDIT_ADDRESS",
    "ADMIN_LISTEN_ADDRESS", "HEALTH_LISTEN_ADDRESS",
  ]
  private static let credentialSuffixes = [
    "_KEY", "_KEYS", "_TOKEN", "_SECRET", "_PASSWORD", "_CREDENTIALS",
  ]

  /// The environment of the operator's shell.
  let inherited: [String: String]
  /// Variables with keys of the operator's own, which they lend to all users: for the vault alone.
  var operatorKeys: Set<String> = []

  /// - Parameters:
  ///   - addresses: of the services that run already.
  ///   - portal: `host:port` of the gateway, for links that lead to it.
  func variables(
    for service: ServiceName, listenAddress: String, addresses: [ServiceName: String],
    portal: String
  ) -> [String: String] {
    var variables = inherited.filter { Self.passes($0.key) }
    if service != .vault {
      for name in operatorKeys { variables[name + "_FILE"] = nil }
    }
    // There is a password in it, and one service that needs it.
    if service != .auth {
      variables["SMTP_URL"] = nil
      variables["OIDC_PROVIDERS"] = nil
    }
    variables["LISTEN_ADDRESS"] = listenAddress
    variables["READY_FILE"] = ServiceDirectory.ready
    variables["ADMIN_LISTEN_ADDRESS"] = "127.0.0.1:0"
    variables["HEALTH_LISTEN_ADDRESS"] = "127.0.0.1:0"
    variables["TLS_CERTIFICATE_FILE"] = ServiceDirectory.certificate
    variables["TLS_PRIVATE_KEY_FILE"] = ServiceDirectory.privateKey
    variables["TLS_CA_FILE"] = ServiceDirectory.authority
    for dependency in service.dependencies {
      variables[dependency.rawValue.uppercased() + "_ADDRESS"] = addresses[dependency]
    }
    if service.schema != nil { variables["DATABASE_URL_FILE"] = ServiceDirectory.databaseURL }
    switch service {
    case .auth:
      variables["ACCOUNT_KEY_FILE"] = ServiceDirectory.accountKey
      variables["ASSERTION_SIGNING_KEY_FILE"] = ServiceDirectory.assertionSigningKey
      variables["PUBLIC_URL"] = inherited["PUBLIC_URL"] ?? "http://\(portal)"
      variables["MAIL_DIRECTORY"] =
        usesMailDirectory ? inheritedMailDirectory ?? ServiceDirectory.mail : nil
    case .vault:
      for name in operatorKeys.flatMap({ [$0, $0 + "_FILE"] }) {
        variables[name] = inherited[name]
      }
      variables["ENCRYPTION_MASTER_KEY_FILE"] = ServiceDirectory.masterKey
      variables["ASSERTION_PUBLIC_KEYS_FILE"] = ServiceDirectory.assertionPublicKeys
    case .audit:
      variables["ASSERTION_PUBLIC_KEYS_FILE"] = ServiceDirectory.assertionPublicKeys
      variables["LOG_SIGNING_KEY_FILE"] = ServiceDirectory.logSigningKey
    case .gateway:
      variables["PUBLIC_URL"] = inherited["PUBLIC_URL"] ?? "http://\(listenAddress)"
      // Named like a credential, and the operator's word for the gateway.
      variables["HTTPS_PRIVATE_KEY_FILE"] = inherited["HTTPS_PRIVATE_KEY_FILE"]
    }
    return variables
  }

  /// Whether mails end in a directory, because the operator has named no mail server.
  var usesMailDirectory: Bool { !isSet("SMTP_URL") && !isSet("SMTP_URL_FILE") }

  /// The directory that the operator has named for mails.
  var inheritedMailDirectory: String? {
    isSet("MAIL_DIRECTORY") ? inherited["MAIL_DIRECTORY"] : nil
  }

  private func isSet(_ name: String) -> Bool { !(inherited[name] ?? "").isEmpty }

  private static func passes(_ name: String) -> Bool {
    let base = name.hasSuffix("_FILE") ? String(name.dropLast(5)) : name
    if reserved.contains(base) || name.hasPrefix("PG") { return false }
    return name.hasPrefix("CHATELAINE_") || !credentialSuffixes.contains { base.hasSuffix($0) }
  }
}

/// The four services, in the order in which they start.
package enum ServiceName: String, CaseIterable, Sendable {
  case audit, vault, auth, gateway

  /// Certificates are issued for each service and for the operator's command line.
  package static let operatorCertificate = "operator"

  /// The services whose addresses this one must know, so those start first.
  var dependencies: [ServiceName] {
    switch self {
    case .audit: []
    case .vault: [.audit]
    case .auth: [.audit, .vault]
    case .gateway: [.auth, .vault, .audit]
    }
  }

  /// Each stage starts together once the one before is ready; stopping goes backwards, so that
  /// nobody loses a service that it still calls.
  static let stages: [[ServiceName]] = [[.audit], [.vault], [.auth], [.gateway]]

  /// Nil for the gateway, which owns no data.
  var schema: String? { self == .gateway ? nil : rawValue }
}
