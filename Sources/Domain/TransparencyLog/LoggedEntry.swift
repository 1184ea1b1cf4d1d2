/// An entry as its leaf has it.
package struct LoggedEntry: Sendable, Hashable {
  /// From 1: the leaf's place in the tree is one less.
  package var sequence: UInt64
  package var id: String
  package var timeMicroseconds: Int64
  package var source: String
  package var action: String
  /// 1 success, 2 failure, 3 denied.
  package var outcome: Int
  package var actorType: String
  package var targetType: String
  /// Which of its account's entries it is, from 1; 0 for one that is in nobody's log.
  package var accountEntry: UInt64
  /// `EntryLeaf.commitment` to the personal fields.
  package var commitment: [UInt8]

  package init(
    sequence: UInt64, id: String, timeMicroseconds: Int64, source: String, action: String,
    outcome: Int, actorType: String, targetType: String, accountEntry: UInt64, commitment: [UInt8]
  ) {
    self.sequence = sequence
    self.id = id
    self.timeMicroseconds = timeMicroseconds
    self.source = source
    self.action = action
    self.outcome = outcome
    self.actorType = actorType
    self.targetType = targetType
    self.accountEntry = accountEntry
    self.commitment = commitment
  }
}

/// What of an entry is about a person, and is destroyed when the account is.
package struct PersonalFields: Sendable, Hashable, Codable {
  /// Empty for an entry that is in nobody's log.
  package var accountID: String
  package var actorID: String
  package var actorName: String
  package var targetID: String
  package var targetName: String
  package var ipAddress: String
  package var userAgent: String
  package var requestID: String
  /// JSON, byte for byte as it was committed to.
  package var details: String

  package init(
    accountID: String, actorID: String, actorName: String, targetID: String, targetName: String,
    ipAddress: String, userAgent: String, requestID: String, details: String
  ) {
    self.accountID = accountID
    self.actorID = actorID
    self.actorName = actorName
    self.targetID = targetID
    self.targetName = targetName
    self.ipAddress = ipAddress
    self.userAgent = userAgent
    self.requestID = requestID
    self.details = details
  }
}
