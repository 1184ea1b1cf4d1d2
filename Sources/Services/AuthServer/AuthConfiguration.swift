import Addresses
import Auth
import Cryptography
import ServiceRuntime

/// The settings of `auth`.
struct AuthConfiguration: ServiceConfiguration {
  static let name = "auth"

  let database: DatabaseConfiguration
  let signingKey: Ed25519.SigningKey
  let auditAddresses: [NetworkAddress]
  let sessions: SessionPolicy
  let rates: AttemptLimits.Rates
  /// Threads that do nothing but hash passwords, 19 MiB each.
  let passwordThreads: Int

  init(from reader: inout ConfigurationReader) throws(ConfigurationError) {
    let database = DatabaseConfiguration(from: &reader)
    let signingKey = reader.secret(
      "ASSERTION_SIGNING_KEY",
      doc: "Ed25519 private key (PKCS #8 PEM) that signs who a call is made for.",
      parse: { try Ed25519.SigningKey(pem: $0) })
    auditAddresses = reader.addresses(of: "audit", "AUDIT_ADDRESS")
    sessions = SessionPolicy(
      maxAge: reader.duration(
        "SESSION_MAX_AGE", default: .seconds(30 * 86_400),
        in: .seconds(300)...(.seconds(400 * 86_400)),
        doc: "How long a session lives, however much it is used: seconds, or e.g. 12h, 30d."))
    rates = AttemptLimits.Rates(from: &reader)
    passwordThreads = reader.integer(
      "PASSWORD_THREADS", default: PasswordHashingPool.threadCountDefault, in: 1...64,
      doc: "Threads that hash passwords; each uses 19 MiB of memory.")
    self.database = try reader.require(database)
    self.signingKey = try reader.require(signingKey)
  }
}

extension AttemptLimits.Rates {
  fileprivate init(from reader: inout ConfigurationReader) {
    self.init()
    logInsPerAccount = AttemptRate(
      reader.integer(
        "LOG_INS_PER_MINUTE_PER_ACCOUNT", default: logInsPerAccount.count, in: 1...1_000_000,
        doc: "Log-ins for one e-mail address from one client address, per minute."),
      per: logInsPerAccount.period)
    logInsPerSource = AttemptRate(
      reader.integer(
        "LOG_INS_PER_MINUTE_PER_CLIENT", default: logInsPerSource.count, in: 1...1_000_000,
        doc: "Log-ins from one client address, per minute."),
      per: logInsPerSource.period)
    signUpsPerSource = AttemptRate(
      reader.integer(
        "SIGN_UPS_PER_HOUR_PER_CLIENT", default: signUpsPerSource.count, in: 1...1_000_000,
        doc: "Sign-ups from one client address, per hour."),
      per: signUpsPerSource.period)
  }
}
