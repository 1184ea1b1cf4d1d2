import Foundation

/// A directory of its own for each test, with mode 0700 as `mktemp -d` makes it.
final class ScratchDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/chatelaine-test-XXXXXX".utf8CString)
    path = try template.withUnsafeMutableBufferPointer { buffer in
      guard let made = buffer.baseAddress.flatMap({ mkdtemp($0) }) else {
        throw CocoaError(.fileWriteUnknown)
      }
      return String(cString: made)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  static func / (directory: ScratchDirectory, name: String) -> String {
    directory.path + "/" + name
  }

  /// Permission bits of a file.
  static func mode(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
  }
}
