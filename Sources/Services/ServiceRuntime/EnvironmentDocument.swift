/// The text of `.env.example`, made from the same declarations that read the environment.
package enum EnvironmentDocument {
  static let lineCharactersMax = 98

  /// The variables of one service, a comment above each.
  package static func section<Configuration: ServiceConfiguration>(
    for type: Configuration.Type
  ) -> String {
    var reader = ConfigurationReader(environment: [:])
    _ = ServiceSettings(from: &reader, service: type.name)
    // Fails, because nothing is set; what matters is what it asked for.
    _ = try? Configuration(from: &reader)
    return text(of: reader.declarations)
  }

  static func text(of declarations: [SettingDeclaration]) -> String {
    declarations.map(entry).joined(separator: "\n")
  }

  private static func entry(_ setting: SettingDeclaration) -> String {
    var notes: [String] = []
    switch setting.absence {
    case .usesDefault(let value): notes.append("Default: \(value).")
    case .isAllowed: notes.append("Optional.")
    case .isRefused: notes.append("Required.")
    }
    if setting.isSecret { notes.append("Secret.") }
    if setting.mayComeFromFile {
      let file = setting.variable + SettingDeclaration.fileSuffix
      notes.append("\(file) may name a file that holds it.")
    }
    let comment = wrapped(([setting.doc] + notes).joined(separator: " "))
      .map { "# \($0)\n" }.joined()
    let assignment =
      switch setting.absence {
      case .usesDefault(let value): "#\(setting.variable)=\(value)\n"
      case .isAllowed: "#\(setting.variable)=\n"
      case .isRefused: "\(setting.variable)=\n"
      }
    return comment + assignment
  }

  private static func wrapped(_ text: String) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= lineCharactersMax {
        lines[lines.count - 1] += " \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
