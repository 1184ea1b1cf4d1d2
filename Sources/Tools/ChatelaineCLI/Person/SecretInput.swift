import Cryptography
import Foundation

/// Where a person types what nobody else should see.
enum SecretInput {
  /// The terminal, which shows nothing of what is typed.
  case terminal
  /// Lines of standard input, for scripts.
  case standardInput

  static let lineBytesMax = 8_192

  /// Standard input where that is no terminal.
  static var usual: SecretInput { isatty(STDIN_FILENO) == 1 ? .terminal : .standardInput }

  /// The next line, without its end and the blanks around it.
  ///
  /// - Throws: `CommandError` when there is none, or it is too long, or Ctrl-C was typed.
  func line(_ prompt: String) throws -> SecretBytes {
    switch self {
    case .terminal:
      let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
      guard terminal >= 0 else { throw CommandError("there is no terminal to ask '\(prompt)' on") }
      defer { close(terminal) }
      return try Self.withoutEcho(terminal) { try Self.read(terminal, prompt, isTyped: true) }
    case .standardInput: return try Self.read(STDIN_FILENO, prompt, isTyped: false)
    }
  }

  /// Asks a question whose answer is shown; false for anything but yes, and where there is no
  /// terminal.
  static func confirms(_ question: String) -> Bool {
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
    guard terminal >= 0 else { return false }
    defer { close(terminal) }
    write(question + " [y/N] ", to: terminal)
    let answer = try? read(terminal, nil, isTyped: false)
    return ["y", "yes"].contains(answer?.withUTF8String { $0.lowercased() } ?? "")
  }

  /// Byte by byte, because what is behind the line is for somebody else.
  private static func read(
    _ descriptor: Int32, _ prompt: String?, isTyped: Bool
  ) throws -> SecretBytes {
    if isTyped, let prompt { write("\(prompt): ", to: descriptor) }
    defer { if isTyped { write("\n", to: descriptor) } }
    var isCancelled = false
    let line = SecretBytes(capacity: lineBytesMax + 1) { buffer in
      var count = 0
      var byte: UInt8 = 0
      while count <= lineBytesMax {
        let got = Foundation.read(descriptor, &byte, 1)
        if got < 0, errno == EINTR { continue }
        guard got == 1, byte != 0x0A, !(isTyped && byte == 0x0D) else { break }
        switch byte {
        case 0x03 where isTyped:
          isCancelled = true
          return 0
        case 0x04 where isTyped: return count
        case 0x08 where isTyped, 0x7F where isTyped: count = max(0, count - 1)
        case 0x15 where isTyped: count = 0
        default:
          buffer[count] = byte
          count += 1
        }
      }
      return count
    }
    guard !isCancelled else { throw CommandError("cancelled") }
    guard line.count <= lineBytesMax else {
      throw CommandError("a line of more than \(lineBytesMax) bytes is none that is asked for")
    }
    let trimmed = line.withUnsafeBytes { bytes in
      let kept = bytes.drop { $0 <= 0x20 }
      let end = kept.lastIndex { $0 > 0x20 }.map { $0 + 1 } ?? kept.startIndex
      return SecretBytes(copying: UnsafeRawBufferPointer(rebasing: kept[..<end]))
    }
    guard trimmed.count > 0 || prompt == nil else {
      throw CommandError("nothing was given for '\(prompt ?? "")'")
    }
    return trimmed
  }

  /// Keys arrive one by one and unseen, Ctrl-C too: it must not leave the terminal without echo.
  private static func withoutEcho<Value>(
    _ terminal: Int32, _ body: () throws -> Value
  ) throws
    -> Value
  {
    var usual = termios()
    guard tcgetattr(terminal, &usual) == 0 else {
      throw CommandError("the terminal can't be kept from showing what is typed")
    }
    var quiet = usual
    quiet.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
    guard tcsetattr(terminal, TCSAFLUSH, &quiet) == 0 else {
      throw CommandError("the terminal can't be kept from showing what is typed")
    }
    defer { tcsetattr(terminal, TCSAFLUSH, &usual) }
    return try body()
  }

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = Foundation.write(descriptor, bytes, bytes.count)
  }
}
