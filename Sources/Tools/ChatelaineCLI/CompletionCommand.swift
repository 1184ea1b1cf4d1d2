import ArgumentParser

/// `chatelaine completion`: what a shell needs to complete command lines.
struct CompletionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completion",
    abstract: "Print a completion script for a shell.",
    discussion: """
      bash: chatelaine completion bash > ~/.local/share/bash-completion/completions/chatelaine
      zsh:  chatelaine completion zsh > ~/.zfunc/_chatelaine (with ~/.zfunc in fpath)
      fish: chatelaine completion fish > ~/.config/fish/completions/chatelaine.fish
      """)

  @Argument(help: "bash, zsh or fish.")
  var shell: String

  private var completionShell: CompletionShell? {
    switch shell {
    case "bash": .bash
    case "zsh": .zsh
    case "fish": .fish
    default: nil
    }
  }

  func validate() throws {
    guard completionShell != nil else {
      throw ValidationError("there are scripts for bash, zsh and fish")
    }
  }

  func run() throws {
    guard let completionShell else { return }
    Terminal.print(Chatelaine.completionScript(for: completionShell))
  }
}

/// What a mistyped command was probably meant to be.
enum CommandSuggestion {
  /// Edits from one to the other that still look like a slip.
  private static let editsMax = 2

  /// A message for a command line whose first word is no command; nil when it is one, or an option.
  static func message(for arguments: [String], in commands: [String]) -> String? {
    guard let word = arguments.first, !word.hasPrefix("-"), !commands.contains(word) else {
      return nil
    }
    let near = commands.map { ($0, edits(Array(word.utf8), Array($0.utf8))) }
      .filter { $0.1 <= editsMax }.min { $0.1 < $1.1 }
    let text = "there is no command '\(word)'"
    guard let near else {
      return "\(text); there are \(commands.joined(separator: ", "))"
    }
    return "\(text). Did you mean '\(near.0)'?"
  }

  /// Letters to add, take away or exchange (Levenshtein).
  static func edits(_ one: [UInt8], _ other: [UInt8]) -> Int {
    var row = Array(0...other.count)
    for (i, byte) in one.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, otherByte) in other.enumerated() {
        let cost = byte == otherByte ? diagonal : diagonal + 1
        diagonal = row[j + 1]
        row[j + 1] = min(cost, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[other.count]
  }
}
