/// What the vault said about one candidate.
enum ImportOutcome: Sendable, Equatable {
  case imported, alreadyThere, conflict
  case failed(reason: String)
}
