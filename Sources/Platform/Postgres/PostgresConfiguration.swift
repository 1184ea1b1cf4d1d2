import CLibPQ
package import Cryptography
import Encodings
import Glibc

/// Where a PostgreSQL server is, who asks, and every limit of the client.
///
/// Printing one never shows the password.
package struct PostgresConfiguration: Sendable {
  package static let connectionsMaxDefault = 4
  package static let waitersMaxDefault = 1_024
  package static let acquireTimeoutDefault: Duration = .seconds(3)
  package static let connectTimeoutDefault: Duration = .seconds(5)
  package static let queryTimeoutDefault: Duration = .seconds(10)
  package static let transactionTimeoutDefault: Duration = .seconds(20)
  package static let lockTimeoutDefault: Duration = .seconds(2)
  package static let statementCacheMaxDefault = 256
  package static let pipelineDepthMaxDefault = 128
  package static let connectionLifetimeDefault: Duration = .seconds(3_600)

  /// What may stand between the client and the server.
  package enum Pooler: String, Sendable, CaseIterable {
    case none
    /// PgBouncer or the like, which gives a session of the server to each transaction: what is set
    /// or prepared in one is not there in the next.
    case transaction
  }

  /// Behind a pooler nothing is prepared, and the server's time limits are those of the role
  /// (`ALTER ROLE … SET lock_timeout`), for a pooler passes none on.
  package var pooler = Pooler.none
  /// Connections that may be open or opening at once; each carries many queries or one transaction.
  package var connectionsMax = Self.connectionsMaxDefault
  /// Queries and transactions that may wait for a connection; one more gets `.poolExhausted`.
  package var waitersMax = Self.waitersMaxDefault
  /// How long one may wait for a connection.
  package var acquireTimeout = Self.acquireTimeoutDefault
  /// How long opening one connection may take, all hosts together. Name resolution alone can take
  /// longer: the system's resolver cannot be interrupted.
  package var connectTimeout = Self.connectTimeoutDefault
  /// The deadline of a query that names none, waiting included.
  package var queryTimeout = Self.queryTimeoutDefault
  /// The deadline of a transaction that names none, from its call to its COMMIT.
  package var transactionTimeout = Self.transactionTimeoutDefault
  /// How long a statement may wait for a lock of another.
  package var lockTimeout = Self.lockTimeoutDefault
  /// Prepared statements kept per connection; the least recently used one goes first.
  package var statementCacheMax = Self.statementCacheMaxDefault
  /// Queries in flight on one connection.
  package var pipelineDepthMax = Self.pipelineDepthMaxDefault
  /// Age at which a connection takes no new work, shortened by up to a fifth at random so that
  /// replicas do not reconnect in step.
  package var connectionLifetime = Self.connectionLifetimeDefault

  /// libpq connection parameters (`host`, `dbname`, …) in order, without the password.
  package let parameters: [Parameter]
  package let password: SecretBytes?

  package struct Parameter: Sendable, Hashable {
    package let name: String
    package let value: String
  }

  /// Parses `postgres://user:password@host:port/database?host=/socket/directory&sslmode=…`, as
  /// libpq does: several hosts and `target_session_attrs` included.
  ///
  /// - Throws: `PostgresConfigurationError`, which never repeats a part of the URL.
  package init(url: String) throws(PostgresConfigurationError) {
    (parameters, password) = try ConnectionURL.parse(url)
  }

  /// The same for a URL that is kept as a secret, as one with a password should be.
  package init(url: SecretBytes) throws(PostgresConfigurationError) {
    (parameters, password) = try url.withUTF8String {
      (text) throws(PostgresConfigurationError) in try ConnectionURL.parse(text)
    }
  }

  /// The same server as another role in another database.
  ///
  /// How the server is found and how it proves who it is stay; the first role's own certificate,
  /// options and password file don't.
  package func connecting(
    as user: String, password: SecretBytes?, to database: String
  ) -> PostgresConfiguration {
    let server = parameters.filter { Self.serverParameters.contains($0.name) }
    return PostgresConfiguration(
      parameters: server + [
        Parameter(name: "user", value: user), Parameter(name: "dbname", value: database),
      ], password: password)
  }

  /// The same role in another database.
  package func connecting(to database: String) -> PostgresConfiguration {
    PostgresConfiguration(
      parameters: parameters.filter { $0.name != "dbname" }
        + [Parameter(name: "dbname", value: database)], password: password)
  }

  /// The same without the password, for a program that is given it by another way.
  package var withoutPassword: PostgresConfiguration {
    PostgresConfiguration(parameters: parameters, password: nil)
  }

  /// As a URL that `init(url:)` reads; it holds the password.
  package var url: SecretBytes {
    func value(_ name: String) -> String {
      PercentCoding.encode(parameters.first { $0.name == name }?.value ?? "")
    }
    let rest = parameters.filter { !["user", "dbname"].contains($0.name) }
      .map { "\($0.name)=\(PercentCoding.encode($0.value))" }
    let secret = password?.withUTF8String { ":" + PercentCoding.encode($0) } ?? ""
    let query = rest.isEmpty ? "" : "?" + rest.joined(separator: "&")
    return SecretBytes(utf8: "postgresql://\(value("user"))\(secret)@/\(value("dbname"))\(query)")
  }

  private static let serverParameters: Set<String> = [
    "host", "hostaddr", "port", "sslmode", "sslrootcert", "sslcrl", "sslcrldir", "sslsni",
    "ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding", "gssencmode",
    "target_session_attrs", "connect_timeout", "keepalives", "keepalives_idle",
    "keepalives_interval", "keepalives_count", "tcp_user_timeout",
  ]

  init(parameters: [Parameter], password: SecretBytes?) {
    self.parameters = parameters
    self.password = password
  }
}

extension PostgresConfiguration: CustomStringConvertible {
  /// The parameters without the password, e.g. `user=vault host=/run/postgresql dbname=portal`.
  package var description: String {
    parameters.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
  }
}

/// Why a connection URL was refused; holds no part of the URL, which may be the password.
package enum PostgresConfigurationError: Error, Equatable, CustomStringConvertible {
  /// Does not begin with `postgres://` or `postgresql://`.
  case unknownScheme
  /// libpq cannot read it: an unknown option, or a reserved character that is not percent-encoded.
  case malformed

  package var description: String {
    switch self {
    case .unknownScheme: "a connection URL begins with postgres:// or postgresql://"
    case .malformed:
      "not a connection URL that libpq can read; reserved characters, also in the password, must be"
        + " percent-encoded"
    }
  }
}

/// Reads libpq's connection URLs with libpq itself.
enum ConnectionURL {
  static func parse(
    _ url: String
  ) throws(PostgresConfigurationError) -> ([PostgresConfiguration.Parameter], SecretBytes?) {
    guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
      throw .unknownScheme
    }
    // libpq reads up to the first NUL.
    guard !url.utf8.contains(0) else { throw .malformed }
    var message: UnsafeMutablePointer<CChar>?
    // The message may quote the URL, so it is dropped.
    defer { PQfreemem(message) }
    guard let options = PQconninfoParse(url, &message) else { throw .malformed }
    defer { PQconninfoFree(options) }

    var parameters: [PostgresConfiguration.Parameter] = []
    var password: SecretBytes?
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        let name = String(cString: keyword)
        if name == "password" {
          password = SecretBytes(
            copying: UnsafeRawBufferPointer(start: value, count: strlen(value)))
        } else {
          parameters.append(.init(name: name, value: String(cString: value)))
        }
      }
      option += 1
    }
    return (parameters, password)
  }
}
