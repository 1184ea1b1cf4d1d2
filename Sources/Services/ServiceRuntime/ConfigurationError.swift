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
