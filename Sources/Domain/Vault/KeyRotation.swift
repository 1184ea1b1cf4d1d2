package import FoundationEssentials

/// What bringing everything under the current master key does.
package enum RotationKind: String, Sendable, Hashable {
  /// Wraps the data keys anew and touches no field: after a change of the master key.
  case rewrap
  /// Gives every user a new data key, seals every field with it and destroys the old one: when data
  /// keys may have become known.
  case reseal
}

/// A rotation and how far it has come.
package struct Rotation: Sendable, Hashable {
  package let id: UUID
  package let kind: RotationKind
  /// The master key that everything comes under.
  package let keyID: String
  package let startTime: Date
  package let endTime: Date?
  /// Data keys when it began, for `rewrap`; users, for `reseal`.
  package let rowsTotal: Int
  package internal(set) var rowsDone: Int
  /// Rows that don't open with any key at hand; they are left as they were.
  package internal(set) var rowsFailed: Int
  /// Until when the run that does the work may be silent.
  package let leaseTime: Date

  package init(
    id: UUID, kind: RotationKind, keyID: String, startTime: Date, endTime: Date?, rowsTotal: Int,
    rowsDone: Int, rowsFailed: Int, leaseTime: Date
  ) {
    self.id = id
    self.kind = kind
    self.keyID = keyID
    self.startTime = startTime
    self.endTime = endTime
    self.rowsTotal = rowsTotal
    self.rowsDone = rowsDone
    self.rowsFailed = rowsFailed
    self.leaseTime = leaseTime
  }
}

/// What is wrapped with one master key.
package struct MasterKeyUse: Sendable, Hashable {
  package let keyID: String
  package let dataKeyCount: Int
  package let configCount: Int
  /// When it was first given to a vault.
  package let createTime: Date

  package init(keyID: String, dataKeyCount: Int, configCount: Int, createTime: Date) {
    self.keyID = keyID
    self.dataKeyCount = dataKeyCount
    self.configCount = configCount
    self.createTime = createTime
  }
}

/// A vault that runs, and the master keys that it holds.
package struct KeyHolder: Sendable, Hashable {
  package let instance: UUID
  /// The current one first.
  package let keyIDs: [String]
  package let seenTime: Date

  package init(instance: UUID, keyIDs: [String], seenTime: Date) {
    self.instance = instance
    self.keyIDs = keyIDs
    self.seenTime = seenTime
  }
}

/// What the vault knows of its master keys.
package struct KeyStatus: Sendable, Hashable {
  package let currentKeyID: String
  package let uses: [MasterKeyUse]
  package let holders: [KeyHolder]
  /// The one under way, else the last.
  package let rotation: Rotation?
}

/// A place in the list of one master key's data keys, which is ordered by time.
package struct DataKeyPosition: Sendable, Hashable {
  package let time: Date
  package let id: UUID

  package init(time: Date, id: UUID) {
    self.time = time
    self.id = id
  }
}

/// What came of wrapping some data keys anew.
package struct RotationStep: Sendable {
  /// Where the next step begins; nil when nothing is left.
  package let next: DataKeyPosition?
  package let rowsDone: Int
  /// What didn't open.
  package let failed: [UUID]

  package init(next: DataKeyPosition?, rowsDone: Int, failed: [UUID]) {
    self.next = next
    self.rowsDone = rowsDone
    self.failed = failed
  }
}

/// What came of sealing everything of one user anew.
package enum ResealOutcome: Sendable, Hashable {
  case done
  /// A configuration is being changed: nothing was done, and it is to be tried again.
  case busy
}

/// How far a look at every stored key has come.
package struct KeyVerification: Sendable, Hashable {
  package let rowsTotal: Int
  package internal(set) var rowsOpened: Int
  /// Configurations that don't open; their users must enter them again.
  package internal(set) var rowsFailed: Int
  /// The first of these, at most `KeyManagement.failuresShownMax`.
  package internal(set) var failed: [UUID]
}
