/// A program with everything it starts with; nothing is taken from the parent's environment.
package struct Command: Sendable {
  /// Absolute path of the program.
  package var path: String
  /// Arguments without `argv[0]`. Visible to every user of the machine: never a secret.
  package var arguments: [String]
  package var environment: [String: String]
  package var workingDirectory: String?
  /// The signal the kernel sends to the child when this process dies, however it dies.
  package var parentDeathSignal: Int32
  /// Keeps the terminal's Ctrl-C away from the child.
  package var inNewProcessGroup: Bool
  /// The end of the output that `run` keeps; earlier bytes are dropped.
  package var outputBytesMax: Int

  package init(
    path: String, arguments: [String] = [], environment: [String: String] = [:],
    workingDirectory: String? = nil, parentDeathSignal: Int32 = 9, inNewProcessGroup: Bool = true,
    outputBytesMax: Int = 65_536
  ) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.parentDeathSignal = parentDeathSignal
    self.inNewProcessGroup = inNewProcessGroup
    self.outputBytesMax = outputBytesMax
  }

  /// The last path component, for messages.
  package var name: String {
    String(path.split(separator: "/").last ?? "")
  }
}
