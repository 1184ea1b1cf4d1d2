/// The settings of one service, read once at its start.
///
/// An initializer reads *every* setting before it throws, so that all problems are told at once and
/// the documentation run sees every variable. Settings that need parsing come back as optionals and
/// are unwrapped with `reader.require` at the end.
package protocol ServiceConfiguration: Sendable {
  /// The service's name: in logs, in its own certificate and in `.env.example`.
  static var name: String { get }

  init(from reader: inout ConfigurationReader) throws(ConfigurationError)
}

extension ServiceConfiguration {
  /// Reads the settings; throws everything that is wrong with them.
  package static func load(_ reader: inout ConfigurationReader) throws(ConfigurationError) -> Self {
    let configuration = try Self(from: &reader)
    try reader.finish()
    return configuration
  }
}
