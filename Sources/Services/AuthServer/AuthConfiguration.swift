import Addresses
import Auth
import Cryptography
import FoundationEssentials
import Mail
import ServiceRuntime
import WebAuthn

/// The settings of `auth`.
struct AuthConfiguration: ServiceConfiguration {
  static let name = "auth"

  let database: DatabaseConfiguration
  /// The first signs; assertions of the others are still taken.
  let signingKeys: [Ed25519.SigningKey]
  /// Reads them again, as they are in their file now.
  let readSigningKeys: @Sendable () throws -> [Ed25519.SigningKey]
  let accountKeys: AccountKeys
  let auditAddresses: [NetworkAddress]
  let vaultAddresses: [NetworkAddress]
  let sessions: SessionPolicy
  let rates: AttemptLimits.Rates
  let accounts: AccountPolicy
  /// Nil: no mail is sent.
  let mail: MailConfiguration?
  /// The portal's address without a slash at the end; empty when it isn't known.
  let portal: String
  /// The portal, as passkeys know it; nil when its address isn't known.
  let relyingParty: RelyingParty?
  let openID: OpenIDConfiguration
  /// Threads that do nothing but hash passwords, 19 MiB each.
  let passwordThreads: Int

  init(from reader: inout ConfigurationReader) throws(ConfigurationError) {
    let database = DatabaseConfiguration(from: &reader)
    let signingKeys = Self.signingKeys(&reader)
    readSigningKeys = { [again = reader.again] in
      var reader = again
      let keys = Self.signingKeys(&reader)
      try reader.finish()
      return try reader.require(keys)
    }
    let accountKeys = Self.accountKeys(&reader, orFrom: signingKeys?.first)
    vaultAddresses = reader.addresses(of: "vault", "VAULT_ADDRESS")
    auditAddresses = reader.addresses(of: "audit", "AUDIT_ADDRESS")
    sessions = SessionPolicy(
      maxAge: reader.duration(
        "SESSION_MAX_AGE", default: .seconds(30 * 86_400),
        in: .seconds(300)...(.seconds(400 * 86_400)),
        doc: "How long a session lives, however much it is used: seconds, or e.g. 12h, 30d."))
    rates = AttemptLimits.Rates(from: &reader)
    let publicURL = reader.optionalURL(
      "PUBLIC_URL",
      doc: "Where browsers reach the portal, for the links of mails, e.g. https://keys.example.com."
    )
    portal = publicURL.map { Self.withoutSlash($0.absoluteString) } ?? ""
    mail = MailConfiguration(from: &reader)
    if mail != nil, publicURL == nil {
      reader.refuse("PUBLIC_URL", "is not set, and mails need it for their links")
    }
    accounts = AccountPolicy(from: &reader, publicURL: publicURL, sendsMail: mail != nil)
    relyingParty = RelyingParty(from: &reader, publicURL: publicURL, name: accounts.issuer)
    openID = OpenIDConfiguration(from: &reader, portal: portal)
    passwordThreads = reader.integer(
      "PASSWORD_THREADS", default: PasswordHashingPool.threadCountDefault, in: 1...64,
      doc: "Threads that hash passwords; each uses 19 MiB of memory.")
    self.database = try reader.require(database)
    self.signingKeys = try reader.require(signingKeys)
    self.accountKeys = try reader.require(accountKeys)
  }

  private static func signingKeys(
    _ reader: inout ConfigurationReader
  ) -> [Ed25519.SigningKey]? {
    reader.secret(
      "ASSERTION_SIGNING_KEY",
      doc: "Ed25519 private key (PKCS #8 PEM) that signs who a call is made for; others behind it "
        + "don't sign any more, or not yet. A changed file is taken into use within seconds.",
      parse: { try Ed25519.SigningKey.all(inPEM: $0) })
  }

  /// Bytes of the least that nobody guesses.
  private static let accountKeyBytesMin = 32

  /// - Parameter signingKey: what they follow from in a deployment that has no key of their own.
  private static func accountKeys(
    _ reader: inout ConfigurationReader, orFrom signingKey: Ed25519.SigningKey?
  ) -> AccountKeys? {
    let variable = "ACCOUNT_KEY"
    let text = reader.optionalSecret(
      variable,
      doc:
        "At least 32 random characters: seals second factors, signs the cookies of devices, tells "
        + "sessions and tokens from rows that somebody has written. Losing it ends all of them. "
        + "Without it they hang on ASSERTION_SIGNING_KEY, which must not be replaced then.")
    do {
      if let text {
        guard text.count >= accountKeyBytesMin else {
          reader.refuse(variable, "must have at least \(accountKeyBytesMin) characters")
          return nil
        }
        // A deployment from before there was such a key has a copy of its signing key here.
        return try AccountKeys(
          derivedFrom: (try? Ed25519.SigningKey(pem: text))?.pemRepresentation ?? text)
      }
      return try signingKey.map { try AccountKeys(derivedFrom: $0.pemRepresentation) }
    } catch {
      reader.refuse(variable, "\(error)")
      return nil
    }
  }

  private static func withoutSlash(_ text: String) -> String {
    text.utf8.last == UInt8(ascii: "/") ? String(text.dropLast()) : text
  }
}

/// Where mails go.
struct MailConfiguration: Sendable {
  let sender: MailAddress
  let destination: Destination

  enum Destination: Sendable {
    case server(SMTPServer)
    /// A folder of this machine.
    case folder(String)
  }

  /// Nil when no mail is to be sent, or when the reader has noted problems.
  fileprivate init?(from reader: inout ConfigurationReader) {
    let url = reader.optionalSecret(
      "SMTP_URL",
      doc:
        "Mail server: smtp://user:password@host:587 with STARTTLS, or smtps:// on port 465; user "
        + "and password percent-encoded. Without it and MAIL_DIRECTORY no mail is sent: nobody can "
        + "reset a password by themselves.")
    let startTLS =
      reader.parsed(
        "SMTP_STARTTLS", default: "required",
        doc: "required, or off for a relay on this machine that has no TLS and wants no password.",
        expected: "required or off", parse: { ["required": true, "off": false][$0] }) ?? true
    let authority = reader.optionalString(
      "SMTP_CA_FILE",
      doc: "A PEM file of the authorities that may vouch for the mail server; the system's without."
    )
    let folder = reader.optionalString(
      "MAIL_DIRECTORY",
      doc: "A folder in which mails end instead, for a trial without a mail server; "
        + "'chatelaine mail' reads it.")
    let sender = reader.parsed(
      "MAIL_FROM", default: "Chatelaine <chatelaine@localhost>",
      doc: "Whom mails come from: an address, or a name with the address in angle brackets.",
      expected: "name@example.com or Name <name@example.com>",
      parse: { MailAddress(header: $0) })
    guard let sender else { return nil }
    self.sender = sender
    switch (url, folder) {
    case (nil, nil): return nil
    case (_?, _?):
      reader.refuse("MAIL_DIRECTORY", "is set together with SMTP_URL: remove one of them")
      return nil
    case (nil, let folder?): destination = .folder(folder)
    case (let url?, nil):
      do {
        var server = try SMTPServer(url: url, isPlain: !startTLS)
        server.certificateAuthorityFile = authority
        destination = .server(server)
      } catch {
        reader.refuse("SMTP_URL", "\(error)")
        return nil
      }
    }
  }

  var transport: any MailTransport {
    switch destination {
    case .server(let server): SMTPTransport(server: server, ownName: sender.domain)
    case .folder(let path): Mailbox(path: path)
    }
  }
}

extension AccountPolicy {
  fileprivate init(from reader: inout ConfigurationReader, publicURL: URL?, sendsMail: Bool) {
    let signUp =
      reader.parsed(
        "SIGN_UP", default: SignUpMode.open.rawValue,
        doc: "Who may sign up: open, invitation (whoever has the link of one) or closed.",
        expected: "open, invitation or closed", parse: SignUpMode.init(rawValue:)) ?? .closed
    let domains = reader.list(
      "SIGN_UP_EMAIL_DOMAINS",
      doc: "Domains whose addresses may sign up, with commas between them; any without.")
    let grace = reader.duration(
      "ACCOUNT_DELETION_GRACE", default: AccountPolicy.deletionGraceDefault,
      in: .zero...AccountPolicy.deletionGraceMax,
      doc: "How long an account that is to be deleted can still be kept: seconds, or e.g. 7d.")
    let loopbackHosts: Set<String> = ["localhost", "127.0.0.1", "[::1]", "::1"]
    let isLoopback = publicURL?.host().map(loopbackHosts.contains) ?? false
    let unverified = reader.parsed(
      "UNVERIFIED_ACCOUNTS", default: "auto",
      doc: "allow or refuse accounts whose e-mail address nobody has confirmed. Refused ones can't "
        + "log in, and sign-up doesn't tell who has an account. auto refuses them where mail is "
        + "sent and PUBLIC_URL is not this machine's own address.",
      expected: "auto, allow or refuse",
      parse: { ["auto": !sendsMail || isLoopback, "allow": true, "refuse": false][$0] })
    if unverified == false, !sendsMail {
      reader.refuse("UNVERIFIED_ACCOUNTS", "can't be refuse where no mail is sent: set SMTP_URL")
    }
    self.init(
      signUp: signUp, emailDomains: Set(domains.map { $0.lowercased() }), sendsMail: sendsMail,
      allowsUnverified: unverified ?? true, firstIsAdmin: isLoopback,
      issuer: isLoopback ? "Chatelaine" : publicURL?.host() ?? "Chatelaine",
      deletionGrace: grace)
  }
}

extension RelyingParty {
  private static let loopbackName = "localhost"

  /// Nil without an address, or when the reader has noted problems.
  fileprivate init?(from reader: inout ConfigurationReader, publicURL: URL?, name: String) {
    let more = reader.list(
      "PASSKEY_ORIGINS",
      doc: "Further addresses of the portal at which passkeys work, e.g. https://eu.example.com, "
        + "with commas between them: of PUBLIC_URL's host or below it.")
    guard let publicURL, let host = publicURL.host()?.lowercased() else {
      if !more.isEmpty { reader.refuse("PASSKEY_ORIGINS", "is set without PUBLIC_URL") }
      return nil
    }
    // Browsers make no passkeys for an address without a name.
    let isLoopback = IPAddress(host)?.isLoopback ?? false
    let id = isLoopback ? Self.loopbackName : host
    var origins: Set = [Self.origin(of: publicURL, host: id)]
    for text in more {
      guard let url = URL(string: text), let host = url.host()?.lowercased(),
        host == id || host.utf8.reversed().starts(with: ".\(id)".utf8.reversed()),
        url.scheme == "https" || id == Self.loopbackName
      else {
        reader.refuse("PASSKEY_ORIGINS", "must be https addresses of \(id) or below it")
        return nil
      }
      origins.insert(Self.origin(of: url, host: host))
    }
    self.init(id: id, name: name, origins: origins)
  }

  /// As browsers write it (RFC 6454, 6.2).
  private static func origin(of url: URL, host: String) -> String {
    let scheme = url.scheme?.lowercased() ?? "https"
    let usual = scheme == "https" ? 443 : 80
    guard let port = url.port, port != usual else { return "\(scheme)://\(host)" }
    return "\(scheme)://\(host):\(port)"
  }
}

extension IPAddress {
  fileprivate var isLoopback: Bool {
    isIPv4 ? bytes.first == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
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
    logIns = AttemptRate(
      reader.integer(
        "LOG_INS_PER_MINUTE", default: logIns.count, in: 1...1_000_000,
        doc: "Log-ins of everybody together, per minute."),
      per: logIns.period)
    signUpsPerSource = AttemptRate(
      reader.integer(
        "SIGN_UPS_PER_HOUR_PER_CLIENT", default: signUpsPerSource.count, in: 1...1_000_000,
        doc: "Sign-ups from one client address, per hour."),
      per: signUpsPerSource.period)
    mailsPerAddress = AttemptRate(
      reader.integer(
        "MAILS_PER_HOUR_PER_ADDRESS", default: mailsPerAddress.count, in: 1...1_000_000,
        doc: "Mails that people who aren't logged in can have sent to one address, per hour."),
      per: mailsPerAddress.period)
    mailsPerSource = AttemptRate(
      reader.integer(
        "MAILS_PER_HOUR_PER_CLIENT", default: mailsPerSource.count, in: 1...1_000_000,
        doc: "Mails that one client address can have sent, per hour."),
      per: mailsPerSource.period)
  }
}
