import ArgumentParser
import CVersion
import Foundation
import ServiceRuntime

/// `chatelaine man`: the manual page, made from the commands themselves.
struct ManualCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "man",
    abstract: "Print the manual page of all commands.",
    discussion: "chatelaine man > ~/.local/share/man/man1/chatelaine.1; then: man chatelaine")

  func run() throws {
    let description = try JSONDecoder().decode(
      ToolDescription.self, from: Data(Chatelaine._dumpHelp().utf8))
    Terminal.print(ManualPage(description.command).text)
  }
}

/// What swift-argument-parser says of a program: the parts that a page needs.
struct ToolDescription: Decodable {
  struct Command: Decodable {
    let superCommands: [String]?
    let commandName: String
    let abstract: String?
    let discussion: String?
    let subcommands: [Command]?
    let arguments: [Argument]?
  }

  struct Argument: Decodable {
    struct Name: Decodable {
      let kind: String
      let name: String
    }

    let kind: String
    let shouldDisplay: Bool
    let isOptional: Bool
    let isRepeating: Bool
    let names: [Name]?
    let valueName: String?
    let defaultValue: String?
    let abstract: String?
    let discussion: String?
  }

  let command: Command
}

/// A page in the language of man(7).
struct ManualPage {
  private var lines: [String] = []

  var text: String { lines.joined(separator: "\n") }

  init(_ program: ToolDescription.Command) {
    lines.append(#".TH CHATELAINE 1 "" "chatelaine \#(Self.escaped(Build.version))""#)
    lines += [".SH NAME", Self.escaped("\(program.commandName) - \(program.abstract ?? "")")]
    lines += [".SH DESCRIPTION"] + Self.paragraphs(program.discussion)
    lines.append(".SH COMMANDS")
    for command in program.subcommands ?? [] { append(command) }
  }

  private mutating func append(_ command: ToolDescription.Command) {
    guard command.commandName != "help" else { return }
    let subcommands = (command.subcommands ?? []).filter { $0.commandName != "help" }
    let path = (command.superCommands ?? []) + [command.commandName]
    let arguments = (command.arguments ?? []).filter {
      $0.shouldDisplay && !($0.names ?? []).contains { ["help", "version"].contains($0.name) }
    }
    lines.append(".SS " + Self.escaped(path.joined(separator: " ")))
    lines.append(Self.escaped(command.abstract ?? ""))
    lines += Self.paragraphs(command.discussion)
    for argument in arguments { append(argument) }
    for subcommand in subcommands { append(subcommand) }
  }

  private mutating func append(_ argument: ToolDescription.Argument) {
    let names = (argument.names ?? []).map { name in
      name.kind == "long" ? "--\(name.name)" : "-\(name.name)"
    }
    let value = "<\(argument.valueName ?? "value")>"
    let head =
      switch argument.kind {
      case "positional": value + (argument.isRepeating ? "..." : "")
      case "flag": names.joined(separator: ", ")
      default: names.joined(separator: ", ") + " \(value)"
      }
    lines += [".TP", ".B " + Self.escaped(head)]
    let preset = argument.defaultValue.map { " (default: \($0))" } ?? ""
    let said = [argument.abstract, argument.discussion].compactMap(\.self).joined(separator: " ")
    lines.append(Self.escaped(said + preset))
  }

  /// Blank lines part paragraphs.
  private static func paragraphs(_ text: String?) -> [String] {
    (text ?? "").split(separator: "\n\n").flatMap { [".PP"] + lines(of: $0) }
  }

  private static func lines(of text: Substring) -> [String] {
    text.split(separator: "\n").map { escaped(String($0)) }
  }

  /// Text that is no order to the formatter (groff_char(7), man-pages(7)).
  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for character in text.replacing("\n", with: " ") {
      switch character {
      case "\\": escaped += #"\e"#
      case "-": escaped += #"\-"#
      default: escaped.append(character)
      }
    }
    return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? #"\&"# + escaped : escaped
  }
}
