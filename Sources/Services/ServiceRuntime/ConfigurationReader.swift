import Cryptography
import Files

/// Reads settings from environment variables, collecting every problem and every declaration.
///
/// A setting that can't be used yields a placeholder, so that reading goes on: the problems are
/// thrown together, by `require` or `finish`.
package struct ConfigurationReader: Sendable {
  /// Longest value of one variable or file.
  package static let valueBytesMax = 64 << 10

  private let environment: [String: String]
  private var problems: [ConfigurationProblem] = []

  /// Every setting that was read, in order: what `.env.example` is made of.
  package private(set) var declarations: [SettingDeclaration] = []
  /// What works but deserves the operator's attention; for the log.
  package private(set) var warnings: [ConfigurationProblem] = []

  /// Reads from `environment` and from the files that it names.
  package init(environment: [String: String]) {
    self.environment = environment
  }

  /// A reader of the same environment and files, for settings that may change while the process
  /// runs.
  package var again: ConfigurationReader { ConfigurationReader(environment: environment) }

  /// Notes that `variable` can't be used for `reason`, which must not repeat a secret.
  package mutating func refuse(_ variable: String, _ reason: String) {
    problems.append(ConfigurationProblem(variable: variable, reason: reason))
  }

  /// Throws every problem found so far, if there is one.
  package func finish() throws(ConfigurationError) {
    guard problems.isEmpty else { throw .problems(problems) }
  }

  /// Unwraps a setting that was read before; when it is missing, throws every problem found.
  package func require<Value>(_ value: Value?) throws(ConfigurationError) -> Value {
    guard let value else { throw .problems(problems) }
    return value
  }

  /// Longest value that `values` shows whole, in characters.
  static let shownCharactersMax = 200

  /// What is in force of every setting that was read, for the operator; of secrets only whether
  /// they are set.
  package var values: [(variable: String, value: String)] {
    declarations.map { setting in
      let file = setting.variable + SettingDeclaration.fileSuffix
      let own = environment[setting.variable].flatMap { $0.isEmpty ? nil : $0 }
      let path = setting.mayComeFromFile ? environment[file] : nil
      var fallback = ""
      if case .usesDefault(let value) = setting.absence { fallback = value }
      let value =
        if let path, !path.isEmpty {
          "(from \(path))"
        } else if setting.isSecret {
          own == nil ? "(not set)" : "(set)"
        } else {
          own ?? fallback
        }
      return (setting.variable, String(value.prefix(Self.shownCharactersMax)))
    }
  }

  // MARK: What the kinds of settings are made of

  mutating func declare(
    _ variable: String, absence: SettingDeclaration.Absence, doc: String, isSecret: Bool = false,
    mayComeFromFile: Bool = false
  ) {
    declarations.append(
      SettingDeclaration(
        variable: variable, doc: doc, absence: absence, isSecret: isSecret,
        mayComeFromFile: mayComeFromFile))
  }

  /// The variable's value; one that is empty counts as not set, as in a compose file.
  mutating func value(of variable: String) -> String? {
    guard let value = environment[variable], !value.isEmpty else { return nil }
    guard value.utf8.count <= Self.valueBytesMax else {
      refuse(variable, "is longer than \(Self.valueBytesMax) bytes")
      return nil
    }
    return value
  }

  /// The value of `variable`, or the content of the file that `<variable>_FILE` names.
  mutating func contents(of variable: String, isSecret: Bool, isOptional: Bool) -> SecretBytes? {
    let fileVariable = variable + SettingDeclaration.fileSuffix
    let value = value(of: variable)
    let path = self.value(of: fileVariable)
    switch (value, path) {
    case (nil, nil):
      if !isOptional { refuse(variable, "is not set, and neither is \(fileVariable)") }
      return nil
    case (_?, _?):
      refuse(variable, "is set together with \(fileVariable): remove one of them")
      return nil
    case (let value?, nil):
      return SecretBytes(utf8: value)
    case (nil, let path?):
      do throws(FileError) {
        let file = try SecretFile(reading: path, bytesMax: Self.valueBytesMax)
        if isSecret, file.isReadableByOthers {
          warnings.append(
            ConfigurationProblem(
              variable: fileVariable, reason: "everybody on this machine may read \(path)"))
        }
        let contents = Self.withoutLineBreak(file.contents)
        guard contents.count > 0 else { throw FileError(path: path, reason: "it is empty") }
        return contents
      } catch {
        refuse(fileVariable, "cannot use \(error)")
        return nil
      }
    }
  }

  /// Editors leave one at the end.
  private static func withoutLineBreak(_ contents: SecretBytes) -> SecretBytes {
    contents.withUnsafeBytes { bytes in
      var end = bytes.count
      if end > 0, bytes[end - 1] == UInt8(ascii: "\n") {
        end -= 1
        if end > 0, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
      }
      return SecretBytes(copying: UnsafeRawBufferPointer(rebasing: bytes[..<end]))
    }
  }
}
