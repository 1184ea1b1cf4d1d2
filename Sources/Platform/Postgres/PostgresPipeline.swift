import NIOCore

/// What was sent on a connection and is not settled yet, in the order of libpq's own queue.
///
/// A sync ends a group of steps. A statement outside a transaction is committed by the sync behind
/// it, which may fail after the statement itself has been answered; so answers are held until their
/// group's sync is answered too. Does no I/O.
struct PostgresPipeline {
  typealias Answer = Result<PostgresResult, PostgresError>
  typealias Settled = (step: Step, answer: Answer)

  enum Step {
    case prepare(PostgresQuery)
    case statement(PostgresOperation, PostgresTransaction?, isCached: Bool)
    case begin(PostgresTransaction)
    /// COMMIT or ROLLBACK.
    case end(PostgresOperation, PostgresTransaction)
    /// Nobody waits for it.
    case housekeeping
    case sync
  }

  /// What one result of libpq, or the end of a step's results, leads to.
  enum Outcome {
    case wait
    /// A group is over; nothing about its steps can change any more.
    case settle([Settled])
    /// The connection is of no more use.
    case lost
  }

  /// Sent and without their last answer.
  private var steps = CircularBuffer<Step>()
  /// The latest answer to the first step.
  private var answer: Answer?
  /// The current group's steps before its sync, with their answers.
  private var answered: [Settled] = []
  /// What failed first in the group: the rest is skipped, and nothing of it is committed.
  private var groupFailure: PostgresError?

  var isEmpty: Bool { steps.isEmpty }

  mutating func append(_ step: Step) { steps.append(step) }

  /// Takes one result of the first step; nil for the end of its results.
  mutating func receive(_ kind: AnswerKind?) -> Outcome {
    guard let step = steps.first else { return .lost }
    switch kind {
    case nil:
      // Of syncs, only one that failed has an end of results before its last one.
      guard let answer else { return .lost }
      self.answer = nil
      if case .sync = step { return .wait }
      steps.removeFirst()
      answered.append((step, answer))
    case .success(let result): answer = .success(result)
    // The server's farewell: nobody may be given this connection any more.
    case .failure(.connectionClosed): return .lost
    case .failure(let error):
      groupFailure = groupFailure ?? error
      answer = .failure(error)
    case .skipped: answer = .failure(groupFailure ?? .connectionClosed)
    case .sync:
      guard case .sync = step else { return .lost }
      steps.removeFirst()
      return .settle(endGroup())
    case .unexpected: return .lost
    }
    return .wait
  }

  private mutating func endGroup() -> [Settled] {
    var group = answered
    answered = []
    if let groupFailure {
      for (index, (step, _)) in group.enumerated() {
        // In a transaction its COMMIT decides.
        if case .statement(_, nil, _) = step { group[index].answer = .failure(groupFailure) }
      }
    }
    groupFailure = nil
    return group
  }

  /// Empties the pipeline of a lost connection; returns everything with what is known of it.
  ///
  /// An answered COMMIT has committed; of an answered statement outside a transaction nobody knows.
  mutating func abandon(_ error: PostgresError) -> [Settled] {
    let settled = answered.map { step, answer -> Settled in
      switch (step, answer) {
      case (.statement, .success): (step, .failure(groupFailure ?? error))
      default: (step, answer)
      }
    }
    let unanswered = steps.map { step -> Settled in (step, .failure(error)) }
    self = PostgresPipeline()
    return settled + unanswered
  }

  /// Every statement, COMMIT and ROLLBACK that somebody waits for.
  var operations: [PostgresOperation] {
    (answered.map(\.step) + steps).compactMap { step in
      switch step {
      case .statement(let operation, _, _), .end(let operation, _): operation
      case .prepare, .begin, .housekeeping, .sync: nil
      }
    }
  }
}
