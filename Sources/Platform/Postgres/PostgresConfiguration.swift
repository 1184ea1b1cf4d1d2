package import Cryptography

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
  package static let statementCacheMaxDefault = 256
  package static let pipelineDepthMaxDefault = 128
  package static let connectionLifetimeDefault: Duration = .seconds(3_600)

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
  /// Prepared statements kept per connection; the least recently used one goes first.
  package var statementCacheMax = Self.statementCacheMaxDefault
  /// Queries in flight on one connection.
  package var pipelineDepthMax = Self.pipelineDepthMaxDefault
  /// Age at which a connection takes no new work, shortened by up to a fifth at random so that
  /// replicas do not reconnect in step.
  package var connectionLifetime = Self.connectionLifetimeDefault

  /// libpq connection parameters (`host`, `dbname`, …) in order, without the password.
  package let parameters: [Parameter]
  let password: SecretBytes?

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
