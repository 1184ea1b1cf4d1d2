package import Cryptography

/// One assignment of an environment file, or a place where one should have been.
package struct DotEnvEntry: Sendable {
  package enum Content: Sendable {
    /// A variable; its value is unquoted, unescaped and not expanded.
    case variable(name: String, value: SecretBytes)
    /// The name where it could be read; never any other text of the line, which may be a secret.
    case malformed(name: String?, problem: DotEnvProblem)
  }

  /// Counted from 1; more than one line for a quoted value that spans them.
  package let lines: ClosedRange<Int>
  package let content: Content
}
