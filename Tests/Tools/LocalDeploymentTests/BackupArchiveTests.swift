import Foundation
import Testing

@testable import LocalDeployment

@Suite(.timeLimit(.minutes(1))) struct BackupArchiveTests {
  private let manifest = BackupManifest(
    time: "2026-01-02T03:04:05Z", database: "chatelaine", serverRelease: 15,
    schemas: Dictionary(
      uniqueKeysWithValues: DatabaseRoles.schemas.map {
        ($0, BackupManifest.Schema(version: 3, programVersionMin: 1))
      }), masterKeyIDs: ["0123456789abcdef"], masterKeyIDsKnown: ["0123456789abcdef"])

  /// Sizes about the blocks of tar and the parts of a dump.
  private let sizes = ["auth": 0, "vault": 513, "audit": BackupArchive.partBytesMax + 1]

  @Test func whatIsWrittenIsReadBack() throws {
    let bytes = try archive()
    #expect(bytes.count % BackupArchive.blockBytes == 0)
    let reader = try reader(of: bytes)
    #expect(try BackupManifest(decoding: reader.next()) == manifest)
    var found: [String: [UInt8]] = [:]
    while let entry = try reader.next() {
      found[entry.schema ?? entry.name, default: []] += entry.bytes
    }
    #expect(found["auth"] == nil)
    for (schema, size) in sizes where size > 0 {
      #expect(found[schema] == dump(ofBytes: size))
    }
    let end = try JSONDecoder().decode(
      BackupArchive.Sizes.self, from: Data(found[BackupArchive.endName] ?? []))
    #expect(end == sizes)
  }

  @Test func tarTakesItApart() async throws {
    let scratch = try ScratchDirectory()
    try Data(archive()).write(to: URL(fileURLWithPath: scratch / "backup.tar"))
    try await Command(
      path: "/bin/tar", arguments: ["-xf", scratch / "backup.tar", "-C", scratch.path],
      environment: ["PATH": "/usr/bin:/bin"]
    ).run()
    let parts = ["00000000", "00000001"].map { scratch / "audit/\($0)" }
    let audit = try parts.flatMap { [UInt8](try Data(contentsOf: URL(fileURLWithPath: $0))) }
    #expect(audit == dump(ofBytes: BackupArchive.partBytesMax + 1))
    #expect(
      try [UInt8](Data(contentsOf: URL(fileURLWithPath: scratch / "manifest.json")))
        == manifest.encoded())
  }

  @Test func aCutOrChangedArchiveIsNeverReadToItsEnd() throws {
    let bytes = try archive()
    for count in [0, 1, 511, 512, 700, bytes.count / 2, bytes.count - 1024, bytes.count - 1] {
      #expect(throws: DeploymentError.self, "\(count) bytes") {
        try readToEnd(Array(bytes.prefix(count)))
      }
    }
    // Name, size, checksum, type and magic of the first header; bytes behind the end.
    for offset in [0, 130, 150, 156, 257] {
      var changed = bytes
      changed[offset] ^= 0x01
      #expect(throws: DeploymentError.backup(.foreign), "byte \(offset)") {
        try readToEnd(changed)
      }
    }
    #expect(throws: DeploymentError.backup(.foreign)) { try readToEnd(bytes + [0]) }
    #expect(throws: DeploymentError.self) {
      try readToEnd((0..<4_096).map { _ in UInt8.random(in: 0...255) })
    }
  }

  @Test func aManifestOfALaterReleaseOrOfSomethingElseIsRefused() throws {
    var later = manifest
    later.format = BackupManifest.formatKnown + 1
    let error = #expect(throws: DeploymentError.self) {
      try BackupManifest(decoding: .init(name: "manifest.json", bytes: later.encoded()))
    }
    #expect("\(try #require(error))".contains("later release"))
    var foreign = manifest
    foreign.schemas["pirates"] = BackupManifest.Schema(version: 1, programVersionMin: 0)
    for entry in [
      BackupArchive.Entry(name: "manifest.json", bytes: foreign.encoded()),
      BackupArchive.Entry(name: "manifest.json", bytes: Array("{}".utf8)),
      BackupArchive.Entry(name: "auth/00000000", bytes: manifest.encoded()),
    ] {
      #expect(throws: DeploymentError.backup(.foreign)) { try BackupManifest(decoding: entry) }
    }
    #expect(throws: DeploymentError.backup(.foreign)) { try BackupManifest(decoding: nil) }
  }

  // MARK: Archives in memory

  private func dump(ofBytes count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
  }

  private func archive() throws -> [UInt8] {
    let scratch = try ScratchDirectory()
    let output = try file(scratch / "archive", flags: O_RDWR | O_CREAT)
    var writer = BackupArchiveWriter(output: output)
    try writer.write(manifest)
    for schema in DatabaseRoles.schemas {
      let size = sizes[schema] ?? 0
      try Data(dump(ofBytes: size)).write(to: URL(fileURLWithPath: scratch / "dump"))
      #expect(try writer.copy(file(scratch / "dump", flags: O_RDONLY), as: schema) == size)
    }
    try writer.finish()
    return [UInt8](try Data(contentsOf: URL(fileURLWithPath: scratch / "archive")))
  }

  private func reader(of bytes: [UInt8]) throws -> BackupArchiveReader {
    let scratch = try ScratchDirectory()
    try Data(bytes).write(to: URL(fileURLWithPath: scratch / "archive"))
    return BackupArchiveReader(input: try file(scratch / "archive", flags: O_RDONLY))
  }

  private func readToEnd(_ bytes: [UInt8]) throws {
    let reader = try reader(of: bytes)
    while try reader.next() != nil {}
  }

  private func file(_ path: String, flags: Int32) throws -> Descriptor {
    let number = open(path, flags | O_CLOEXEC, 0o600)
    try #require(number >= 0)
    return Descriptor(owning: number)
  }
}
