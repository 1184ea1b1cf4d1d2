import Foundation

/// What a caller reads from a pipe as soon as it is written.
enum StandardOutput {
  static func write(line: String) throws {
    try FileHandle.standardOutput.write(contentsOf: Array("\(line)\n".utf8))
  }
}
