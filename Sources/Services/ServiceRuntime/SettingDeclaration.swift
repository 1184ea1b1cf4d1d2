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
