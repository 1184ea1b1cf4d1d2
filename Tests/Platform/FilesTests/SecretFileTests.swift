import Cryptography
import Files
import Foundation
import Testing

@Suite final class SecretFileTests {
  private let path = FileManager.default.temporaryDirectory
    .appendingPathComponent("chatelaine-file-\(UUID().uuidString)").path

  deinit { unlink(path) }

  @Test func aSecretIsReadWithWhoElseMayReadIt() throws {
    for mode: mode_t in [0o600, 0o640, 0o644] {
      try AtomicFile.write(Array("key\n".utf8), to: path, mode: mode)
      let file = try SecretFile(reading: path, bytesMax: 4)
      #expect(file.contents.withUTF8String { $0 } == "key\n")
      #expect(file.isReadableByOthers == (mode == 0o644))
    }
  }

  @Test func whatIsTooLargeIsRefused() throws {
    try AtomicFile.write([UInt8](repeating: 7, count: 200_000), to: path)
    #expect(throws: FileError.self) { try SecretFile(reading: self.path, bytesMax: 199_999) }
    #expect(throws: FileError.self) { try SmallFile.read(self.path, bytesMax: 199_999) }
    #expect(try SecretFile(reading: path, bytesMax: 200_000).contents.count == 200_000)
    #expect(try SmallFile.read(path, bytesMax: 200_000)?.count == 200_000)
  }

  @Test func aMissingFileIsAnErrorOnlyForASecret() throws {
    #expect(try SmallFile.read(path, bytesMax: 10) == nil)
    let error = #expect(throws: FileError.self) {
      try SecretFile(reading: self.path, bytesMax: 10)
    }
    #expect(error?.reason == "No such file or directory")
  }

  @Test func aDirectoryIsNoFile() {
    #expect(throws: FileError(path: "/", reason: "it is a directory")) {
      try SecretFile(reading: "/", bytesMax: 10)
    }
    #expect(throws: FileError.self) { try SmallFile.read("/", bytesMax: 10) }
    #expect(throws: FileError.self) { try SmallFile.read("/dev/null/x", bytesMax: 10) }
  }
}
