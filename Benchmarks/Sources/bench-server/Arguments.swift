import RPCTransport
import TLS

/// What the command line says.
struct Arguments {
  let port: Int
  let tls: TLSConfiguration?

  /// Nil when the words aren't a port, or a port and three files.
  init?(_ words: some Collection<String>) {
    let words = Array(words)
    guard let port = words.first.flatMap({ Int($0) }) else { return nil }
    self.port = port
    switch words.count {
    case 1: tls = nil
    case 4:
      tls = TLSConfiguration(
        certificateFile: words[1], privateKeyFile: words[2], certificateAuthorityFile: words[3])
    default: return nil
    }
  }

  var configuration: RPCServerConfiguration {
    RPCServerConfiguration(host: "127.0.0.1", port: port, tls: tls)
  }
}
