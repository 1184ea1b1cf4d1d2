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

/// One setting that cannot be used.
package struct ConfigurationProblem: Sendable, Hashable, CustomStringConvertible {
  /// The environment variable at fault.
  package let variable: String
  /// What is wrong, without the value of a secret.
  package let reason: String

  package init(variable: String, reason: String) {
    self.variable = variable
    self.reason = reason
  }

  package var description: String { "\(variable): \(reason)" }
}

/// Everything that is wrong with the environment, found in one pass.
package enum ConfigurationError: Error, Hashable {
  case problems([ConfigurationProblem])

  package var problems: [ConfigurationProblem] {
    switch self {
    case .problems(let problems): problems
    }
  }
}

/// What is known of a setting without its value: the source of `.env.example`.
package struct SettingDeclaration: Sendable, Hashable {
  /// What happens when the variable is not set.
  package enum Absence: Sendable, Hashable {
    case usesDefault(String)
    case isAllowed
    case isRefused
  }

  package let variable: String
  package let doc: String
  package let absence: Absence
  /// Its value is never shown.
  package let isSecret: Bool
  /// `<variable>_FILE` may name a file that holds the value.
  package let mayComeFromFile: Bool

  /// The suffix of the variable that names a file.
  package static let fileSuffix = "_FILE"
}
