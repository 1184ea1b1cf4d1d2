import ArgumentParser
import Foundation

/// What the program says and how it ends.
enum Terminal {
  static let failureStatus: Int32 = 1
  static let usageStatus: Int32 = 2
  /// A part was done, and a part was not.
  static let partlyStatus: Int32 = 3

  /// A line on standard output, at once even when that is a pipe.
  static func print(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

  /// One JSON object, its names sorted.
  ///
  /// - Parameter isLine: it is one of many, each on a line of its own.
  static func json(_ value: some Encodable, isLine: Bool = false) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if !isLine { encoder.outputFormatting.insert(.prettyPrinted) }
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// A line on standard error, marked as ours.
  static func report(_ line: String) { write("chatelaine: \(line)\n", to: STDERR_FILENO) }

  /// What others wrote, as a terminal may be shown it: without controls, formats and breaks of
  /// lines, which could steer it or turn text around.
  static func printable(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { scalar in
          let isShown =
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate,
              .unassigned:
              false
            default: true
            }
          return isShown ? scalar : "\u{FFFD}"
        }))
  }

  /// Whether standard error is looked at by a person.
  static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

  /// Replaces the line that is being shown on standard error; an empty one clears it.
  static func showPassing(_ line: String) { write("\r\u{1B}[2K" + line, to: STDERR_FILENO) }

  /// Ends the process: help on standard output, a wrong command line with status 2.
  static func end(with error: any Error) -> Never {
    let code = Chatelaine.exitCode(for: error)
    switch code {
    case .success:
      let text = Chatelaine.fullMessage(for: error)
      if !text.isEmpty { print(text) }
      exit(0)
    case .validationFailure:
      write(Chatelaine.fullMessage(for: error) + "\n", to: STDERR_FILENO)
      exit(usageStatus)
    default:
      if let code = error as? ExitCode { exit(code.rawValue) }
      report("\(error)")
      exit(failureStatus)
    }
  }

  /// Ends the process because of a command line that was wrong.
  static func end(usage message: String) -> Never {
    report(message)
    write("See 'chatelaine help'.\n", to: STDERR_FILENO)
    exit(usageStatus)
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      // A reader that went away is not worth ending a deployment for.
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }
}

/// A failure with the text that the operator reads.
struct CommandError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
