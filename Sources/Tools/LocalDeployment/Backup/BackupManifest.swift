import Foundation

/// What a backup says about itself, in front of the data.
package struct BackupManifest: Codable, Sendable, Equatable {
  /// Of `BackupArchive`; a higher one is refused.
  package static let formatKnown = 1
  static let bytesMax = 64 << 10

  package struct Schema: Codable, Sendable, Equatable {
    /// How many migrations it has.
    package var version: Int
    /// How many of them a program must know to run on it.
    package var programVersionMin: Int
  }

  package var format: Int
  /// When the snapshot was taken, by the database's clock: RFC 3339, UTC.
  package var time: String
  package var database: String
  /// E.g. 15: it can be restored on a server of this release or a newer one.
  package var serverRelease: Int
  package var schemas: [String: Schema]
  /// The master keys that the stored keys are sealed under: without them nobody opens these.
  package var masterKeyIDs: [String]
  /// Every master key that the vault has ever been started with here.
  package var masterKeyIDsKnown: [String]

  func encoded() -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return [UInt8]((try? encoder.encode(self)) ?? Data())
  }

  /// - Throws: `DeploymentError.backup` when it is none, or one of a later release.
  init(decoding entry: BackupArchive.Entry?) throws {
    guard let entry, entry.name == BackupArchive.manifestName,
      entry.bytes.count <= Self.bytesMax,
      let manifest = try? JSONDecoder().decode(Self.self, from: Data(entry.bytes))
    else { throw DeploymentError.backup(.foreign) }
    guard manifest.format <= Self.formatKnown else {
      throw DeploymentError.backup(.tooNew("its format is \(manifest.format)"))
    }
    guard Set(manifest.schemas.keys) == Set(DatabaseRoles.schemas) else {
      throw DeploymentError.backup(.foreign)
    }
    self = manifest
  }

  init(
    time: String, database: String, serverRelease: Int, schemas: [String: Schema],
    masterKeyIDs: [String], masterKeyIDsKnown: [String]
  ) {
    (format, self.time, self.database) = (Self.formatKnown, time, database)
    (self.serverRelease, self.schemas) = (serverRelease, schemas)
    (self.masterKeyIDs, self.masterKeyIDsKnown) = (masterKeyIDs, masterKeyIDsKnown)
  }
}

/// Why a backup can't be used.
package enum BackupProblem: Sendable, Equatable, CustomStringConvertible {
  /// It ends before its end.
  case truncated
  /// It is something else, or was made by something else.
  case foreign
  /// It was made by a later release; what of it is too new.
  case tooNew(String)
  /// It could not be decrypted: `age` says why.
  case encrypted(String)
  /// The database refused a part of it.
  case refused(schema: String, reason: String)

  package var description: String {
    switch self {
    case .truncated: "the backup is truncated: its end is missing"
    case .foreign: "this is no backup of Chatelaine, or it is damaged"
    case .tooNew(let reason): "the backup was made by a later release: \(reason)"
    case .encrypted(let reason): "the backup can't be decrypted: \(reason)"
    case .refused(let schema, let reason): "the schema \(schema) can't be restored: \(reason)"
    }
  }
}
