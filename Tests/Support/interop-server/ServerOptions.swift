import ArgumentParser
import Logging
import RPCTransport
import TLS

/// The flags, spelled with underscores as gRPC's own programs spell theirs.
struct ServerOptions: ParsableArguments {
  @Option(help: "Address to listen on.")
  var host = "127.0.0.1"
  @Option(help: "Port to listen on; 0 lets the kernel choose.")
  var port = 0
  @Option(name: .customLong("use_tls"), help: "TLS 1.3; needs --cert and --key.")
  var useTLS = false
  @Option(
    help: "PEM file with the authority of client certificates; without one none are asked for.")
  var ca: String?
  @Option(help: "PEM file with the server's certificate chain.")
  var cert: String?
  @Option(help: "PEM file with the server's private key.")
  var key: String?
  @Option(help: "Threads that serve.")
  var threads = 1
  @Option(
    name: .customLong("log_level"), help: "trace, debug, info, notice, warning, error.",
    transform: level(named:))
  var logLevel = Logger.Level.warning

  @Option(name: .customLong("max_message_bytes"), help: "The largest request message.")
  var messageBytesMax: Int?
  @Option(name: .customLong("max_concurrent_streams"), help: "Open streams per connection.")
  var concurrentStreamsMax: Int?
  @Option(name: .customLong("max_header_list_bytes"), help: "The largest request header list.")
  var headerListBytesMax: Int?
  @Option(name: .customLong("max_connections"), help: "Connections at one time.")
  var connectionCountMax: Int?
  @Option(name: .customLong("max_call_ms"), help: "The longest unary call.")
  var callMilliseconds: Int?
  @Option(name: .customLong("max_stream_ms"), help: "The longest streaming call.")
  var streamMilliseconds: Int?
  @Option(name: .customLong("handshake_timeout_ms"), help: "From the connection to SETTINGS.")
  var handshakeMilliseconds: Int?
  @Option(name: .customLong("grace_period_ms"), help: "For running calls after a signal.")
  var graceMilliseconds: Int?

  var logger: Logger {
    var logger = Logger(label: "interop-server") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = logLevel
    return logger
  }

  func configuration() throws -> RPCServerConfiguration {
    var configuration = RPCServerConfiguration(host: host, port: port, tls: try tls())
    if let messageBytesMax { configuration.messageBytesMax = messageBytesMax }
    if let concurrentStreamsMax { configuration.concurrentStreamsMax = concurrentStreamsMax }
    if let headerListBytesMax { configuration.headerListBytesMax = headerListBytesMax }
    if let connectionCountMax { configuration.connectionCountMax = connectionCountMax }
    if let callMilliseconds { configuration.callDurationMax = .milliseconds(callMilliseconds) }
    if let streamMilliseconds {
      configuration.streamDurationMax = .milliseconds(streamMilliseconds)
    }
    if let handshakeMilliseconds {
      configuration.handshakeTimeout = .milliseconds(handshakeMilliseconds)
    }
    if let graceMilliseconds { configuration.gracePeriod = .milliseconds(graceMilliseconds) }
    return configuration
  }

  private func tls() throws -> TLSConfiguration? {
    guard useTLS else { return nil }
    guard let cert, let key else {
      throw ValidationError("--use_tls=true needs --cert and --key")
    }
    var tls = TLSConfiguration(
      certificateFile: cert, privateKeyFile: key, certificateAuthorityFile: ca ?? cert)
    if ca == nil { tls.clientCertificates = .notAsked }
    return tls
  }
}

/// A log level by its name in swift-log.
private func level(named name: String) throws -> Logger.Level {
  guard let level = Logger.Level(rawValue: name) else {
    throw ValidationError("'\(name)' is no log level")
  }
  return level
}
