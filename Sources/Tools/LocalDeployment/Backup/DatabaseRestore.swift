import Cryptography
import Foundation
import Threads

/// `chatelaine restore`: puts a backup into empty schemas.
///
/// Each schema is loaded in a transaction of its owner. They are committed, one right after the
/// other, when the whole file has been read, decrypted and found complete, and every statement of
/// it has worked: whatever goes wrong before leaves the database as it was.
package struct DatabaseRestore: Sendable {
  /// Where the backup comes from.
  package enum Source: Sendable, Equatable {
    case file(String)
    case standardInput
  }

  package struct Report: Sendable, Equatable {
    package let manifest: BackupManifest
    /// Bytes of each schema's dump.
    package let dumpBytes: [String: Int]
  }

  private let source: Source
  private let decryption: Command

  /// - Parameter identities: files with private keys for `age`; none for a backup with a
  ///   passphrase, which `age` asks for on the terminal.
  /// - Throws: `DeploymentError.missingProgram` when `age` is not installed.
  package init(from source: Source, identities: [String]) throws {
    self.source = source
    decryption = try AgeEncryption().decryption(identities: identities)
  }

  /// Reads the whole backup and restores nothing.
  ///
  /// - Throws: `DeploymentError.backup` with what is wrong with it.
  package func check() async throws -> Report {
    try await read { try await $0.load(into: nil) }
  }

  /// - Parameter lend: gives a target for as long as it is needed, once the backup has turned out
  ///   to be one that can be decrypted.
  /// - Throws: `DeploymentError`; `.backup` when nothing was changed.
  package func run(
    _ lend: (_ body: @escaping (RestoreTarget) async throws -> Report) async throws -> Report
  ) async throws -> Report {
    try await read { backup in
      try await lend { target in
        try await backup.load(into: try await target.open(for: backup.manifest))
      }
    }
  }

  private func read(_ body: (OpenBackup) async throws -> Report) async throws -> Report {
    let input = try descriptor()
    let pipe = try Pipe.make()
    let age = try await PipelineProgram(decryption, input: input, output: pipe.write)
    pipe.write.close()
    do {
      return try await body(
        try await OpenBackup(reader: BackupArchiveReader(input: pipe.read), age: age))
    } catch {
      // Where `age` has ended by itself, what we saw is only the consequence.
      if error as? DeploymentError != .backup(.truncated) { age.kill() }
      if let reason = await age.failure(), reason != "\(ProcessExit.signal(SIGKILL))" {
        throw OpenBackup.undecryptable(reason)
      }
      throw error
    }
  }

  private func descriptor() throws -> Descriptor {
    switch source {
    case .standardInput: return Descriptor(owning: dup(STDIN_FILENO))
    case .file(let path):
      let number = Foundation.open(path, O_RDONLY | O_CLOEXEC)
      guard number >= 0 else { throw SecretFile.failure(path) }
      return Descriptor(owning: number)
    }
  }
}

/// A backup that could be decrypted so far, behind its manifest.
private struct OpenBackup: Sendable {
  let manifest: BackupManifest
  private let reader: BackupArchiveReader
  private let age: PipelineProgram

  init(reader: BackupArchiveReader, age: PipelineProgram) async throws {
    manifest = try BackupManifest(decoding: try await Self.next(of: reader))
    (self.reader, self.age) = (reader, age)
  }

  /// - Parameter loads: what takes the data; nil throws them away.
  func load(into loads: SchemaLoads?) async throws -> DatabaseRestore.Report {
    do {
      let sizes = try await hand(to: loads)
      if let reason = await age.failure() { throw Self.undecryptable(reason) }
      try await loads?.commit(manifest)
      return DatabaseRestore.Report(manifest: manifest, dumpBytes: sizes)
    } catch {
      await loads?.abandon()
      throw error
    }
  }

  /// Hands every part to its schema; returns the sizes once the archive has ended as it should.
  private func hand(to loads: SchemaLoads?) async throws -> BackupArchive.Sizes {
    var sizes: BackupArchive.Sizes = [:]
    while let entry = try await Self.next(of: reader) {
      if entry.name == BackupArchive.endName {
        let end = try? JSONDecoder().decode(BackupArchive.Sizes.self, from: Data(entry.bytes))
        guard end == sizes, Set(sizes.keys) == Set(DatabaseRoles.schemas),
          try await Self.next(of: reader) == nil
        else { throw DeploymentError.backup(.foreign) }
        return sizes
      }
      guard let schema = entry.schema, DatabaseRoles.schemas.contains(schema) else {
        throw DeploymentError.backup(.foreign)
      }
      sizes[schema, default: 0] += entry.bytes.count
      try await loads?.take(entry.bytes, of: schema)
    }
    throw DeploymentError.backup(.truncated)
  }

  private static func next(
    of reader: BackupArchiveReader
  ) async throws -> BackupArchive.Entry? {
    try await OwnThread.run { try reader.next() }
  }

  static func undecryptable(_ reason: String) -> DeploymentError {
    let lines = reason.split(separator: "\n")
      .filter { !$0.contains("report unexpected or unhelpful errors") }
      .map { $0.hasPrefix("age: error: ") ? $0.dropFirst("age: error: ".count) : $0 }
    return .backup(.encrypted(lines.joined(separator: "; ")))
  }
}
