import CLibPQ
import Cryptography
import Glibc
import NIOCore

/// Opens connections, blocking.
///
/// Runs on a thread of its own because libpq resolves names with the system's blocking resolver,
/// for every host of the list, also inside `PQconnectPoll`; and because only its blocking connect
/// keeps a deadline per host, without which a frozen first host would hide a healthy second one.
struct Connector: Sendable {
  /// libpq takes whole seconds and treats 1 as 2.
  static let connectTimeoutSecondsMin = 2

  let configuration: PostgresConfiguration

  /// Opens one connection; returns after about `connectTimeout` per host at the latest.
  func connect() throws(PostgresError) -> ConnectionHandle {
    let parameters = configuration.libpqParameters
    let names = parameters.map { strdup($0.name) } + (hasPassword ? [strdup("password")] : [])
    let values = parameters.map { strdup($0.value) }
    defer { (names + values).forEach { free($0) } }

    let opened = withPassword { password -> OpaquePointer? in
      let keywords = names.map { UnsafePointer($0) } + [nil]
      let contents = values.map { UnsafePointer($0) } + (password.map { [$0] } ?? []) + [nil]
      return PQconnectdbParams(keywords, contents, 0)
    }
    guard let opened else { throw .connectionFailed(detail: "out of memory") }
    let handle = ConnectionHandle(owning: opened)
    guard handle.isOpen else { throw .connectionFailed(detail: handle.connectFailure) }
    guard handle.makeNonBlocking() else {
      throw .connectionFailed(detail: "the socket cannot be made non-blocking")
    }
    return handle
  }

  private var hasPassword: Bool { configuration.password != nil }

  /// Lends the password as a C string in memory that is wiped afterwards.
  private func withPassword<Value>(_ body: (UnsafePointer<CChar>?) -> Value) -> Value {
    guard let password = configuration.password else { return body(nil) }
    let terminated = SecretBytes(count: password.count + 1) { buffer in
      password.withUnsafeBytes { buffer.copyMemory(from: $0) }
    }
    return terminated.withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
  }
}

extension PostgresConfiguration {
  /// What the server does by itself where no deadline of ours reaches.
  private var serverSettings: String {
    let settings = [
      // Otherwise a statement whose caller has given up runs, and holds its locks, to its end.
      ("client_connection_check_interval", Duration.seconds(2)),
      // One that waits for a lock holds up whatever is behind it on its connection.
      ("lock_timeout", lockTimeout),
      ("statement_timeout", transactionTimeout),
      ("idle_in_transaction_session_timeout", transactionTimeout),
    ]
    return settings.map { "-c \($0)=\(TimeAmount($1).nanoseconds / 1_000_000)" }
      .joined(separator: " ")
  }

  /// What libpq is told: the URL's parameters after our defaults, of which the last one counts.
  fileprivate var libpqParameters: [Parameter] {
    let given = Set(parameters.map(\.name))
    let timeout = max(
      Connector.connectTimeoutSecondsMin, Int(connectTimeout.components.seconds))
    let defaults = [
      Parameter(name: "connect_timeout", value: String(timeout)),
      // Noticed within a minute: a peer that is gone, and a NAT that forgot the connection.
      Parameter(name: "keepalives_idle", value: "30"),
      Parameter(name: "keepalives_interval", value: "10"),
      Parameter(name: "keepalives_count", value: "3"),
      // Otherwise libpq looks for a Kerberos ticket first.
      Parameter(name: "gssencmode", value: "disable"),
    ]
    let settings =
      pooler == .none ? [Parameter(name: "options", value: serverSettings)] : []
    return (defaults + settings).filter { !given.contains($0.name) } + parameters
      + [Parameter(name: "client_encoding", value: "UTF8")]
  }
}
