import Foundation
import Testing

@testable import Files

@Suite final class AtomicFileTests {
  private let directory = FileManager.default.temporaryDirectory
    .appendingPathComponent("chatelaine-files-\(UUID().uuidString)").path

  init() throws { try AtomicFile.makeDirectory(directory) }
  deinit { try? FileManager.default.removeItem(atPath: directory) }

  private func mode(_ path: String) throws -> mode_t {
    var status = stat()
    try #require(lstat(path, &status) == 0)
    return status.st_mode & 0o777
  }

  private func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }

  @Test func aFileHasItsModeWhateverTheUmask() throws {
    // The usual umask takes writing from groups and others.
    for mode: mode_t in [0o600, 0o644, 0o666] {
      try AtomicFile.write([1, 2], to: directory + "/file", mode: mode)
      #expect(try self.mode(directory + "/file") == mode)
    }
  }

  @Test func aFileIsReplacedAsAWhole() throws {
    let path = directory + "/file"
    try AtomicFile.write([UInt8](repeating: 1, count: 100_000), to: path)
    let reader = try FileDescriptor(reading: path)
    try AtomicFile.write([2], to: path)
    // Whoever has it open still reads the old one.
    var old = [UInt8](repeating: 0, count: 200_000)
    #expect(try old.withUnsafeMutableBytes { try reader.fill($0) } == 100_000)
    #expect(try SmallFile.read(path, bytesMax: 10) == [2])
    #expect(try names() == ["file"])
  }

  @Test func aLinkInThePlaceOfTheTemporaryFileIsNotFollowed() throws {
    let victim = directory + "/victim"
    try AtomicFile.write([1], to: victim)
    let path = directory + "/file"
    try #require(symlink(victim, "\(path).\(getpid()).new") == 0)
    try AtomicFile.write([2], to: path)
    #expect(try SmallFile.read(victim, bytesMax: 10) == [1])
    #expect(try SmallFile.read(path, bytesMax: 10) == [2])
  }

  @Test func aFailureLeavesNothingBehind() throws {
    let path = directory + "/file"
    try AtomicFile.makeDirectory(path)
    let error = #expect(throws: FileError.self) { try AtomicFile.write([1], to: path) }
    #expect(error?.path == path)
    #expect(try names() == ["file"])
    #expect(throws: FileError.self) { try AtomicFile.write([1], to: "/nonexistent/x") }
  }

  @Test func aDirectoryIsMadeOrChecked() throws {
    let path = directory + "/state"
    try AtomicFile.makeDirectory(path)
    #expect(try mode(path) == 0o700)
    try #require(chmod(path, 0o777) == 0)
    try AtomicFile.makeDirectory(path)
    #expect(try mode(path) == 0o700)
    try #require(symlink(path, directory + "/link") == 0)
    #expect(throws: FileError.self) { try AtomicFile.makeDirectory(directory + "/link") }
  }
}
