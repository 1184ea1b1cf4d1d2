package import Addresses
package import Logging
package import TLS

/// The settings that every service has.
package struct ServiceSettings: Sendable {
  package let listenAddress: NetworkAddress
  package let tls: TLSConfiguration
  package let logLevel: Logger.Level
  /// Where `host:port` and a line break are written once the service answers.
  package let readyFile: String?
  /// How long everything goes on after SIGTERM or SIGINT, while load balancers notice that the
  /// process is no longer ready.
  package let shutdownDelay: Duration
  /// How long running calls may go on after that.
  package let drainTimeout: Duration
  /// Where metrics, health and settings are shown; nil for nowhere.
  package let adminListenAddress: NetworkAddress?
  /// Where probes without a certificate may ask for health; nil for nowhere.
  package let healthListenAddress: NetworkAddress?
  /// SQL that takes longer is a warning in the log.
  package let slowStatementAfter: Duration
  /// Where traces go, and which.
  package let traces: TraceSettings

  package init(from reader: inout ConfigurationReader, service: String) {
    listenAddress = reader.address(
      "LISTEN_ADDRESS", doc: "host:port to listen on; port 0 lets the kernel choose.")
    tls = TLSFiles.read(from: &reader)
    logLevel =
      reader.parsed(
        "LOG_LEVEL", default: "info",
        doc: "Least level that is logged: trace, debug, info, notice, warning, error, critical.",
        expected: "trace, debug, info, notice, warning, error or critical",
        parse: { Logger.Level(rawValue: $0.lowercased()) }) ?? .info
    readyFile = reader.optionalString(
      "READY_FILE", doc: "File that receives host:port once the service answers.")
    shutdownDelay = reader.duration(
      "SHUTDOWN_DELAY", default: .zero, in: .zero...(.seconds(120)),
      doc: "How long the process serves on after SIGTERM or SIGINT, no longer ready, so that load "
        + "balancers send no more to it. A second signal ends the wait.")
    drainTimeout = reader.duration(
      "DRAIN_TIMEOUT", default: .seconds(10), in: .seconds(1)...(.seconds(3_600)),
      doc: "How long running calls may go on after that; the gateway's streams are calls too.")
    adminListenAddress = reader.optionalAddress(
      "ADMIN_LISTEN_ADDRESS",
      doc: "host:port of the plain HTTP listener for the operator: /metrics, /healthz, /readyz and "
        + "the settings in force. It asks nobody who they are: keep it on loopback or a private "
        + "network.")
    healthListenAddress = Self.healthAddress(&reader)
    slowStatementAfter = .milliseconds(
      reader.integer(
        "SLOW_STATEMENT_MILLISECONDS", default: 200, in: 1...60_000,
        doc: "SQL statements that take longer are logged as warnings, without their values; all "
          + "are at level debug."))
    traces = TraceSettings(from: &reader, service: service)
  }
}

extension ServiceSettings {
  /// The service's listener and its probe read the same setting.
  static func healthAddress(_ reader: inout ConfigurationReader) -> NetworkAddress? {
    reader.optionalAddress(
      "HEALTH_LISTEN_ADDRESS",
      doc: "host:port of the listener for probes: gRPC health in clear text and nothing else. "
        + "The command with --probe asks it.")
  }
}

/// The certificate files of a process.
package enum TLSFiles {
  /// Reads the three settings; services refuse to start without them.
  package static func read(from reader: inout ConfigurationReader) -> TLSConfiguration {
    var configuration = TLSConfiguration(
      certificateFile: reader.path(
        "TLS_CERTIFICATE_FILE", doc: "PEM file of this service's certificate chain."),
      privateKeyFile: reader.path(
        "TLS_PRIVATE_KEY_FILE", doc: "PEM file of this service's private key."),
      certificateAuthorityFile: reader.path(
        "TLS_CA_FILE", doc: "PEM file of the authority that signs the services' certificates."))
    let variable = "TLS_DENIED_IDENTITIES"
    let denied = reader.list(
      variable,
      doc: """
        Certificates that are refused, with commas between them: serial numbers in hexadecimal, or \
        identities such as spiffe://chatelaine/gateway/2.
        """)
    for text in denied where !configuration.deniedPeers.insert(text) {
      reader.refuse(variable, "holds what is neither a serial number in hexadecimal nor a URI")
    }
    return configuration
  }
}
