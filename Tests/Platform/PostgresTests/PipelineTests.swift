import NIOCore
import Testing

@testable import Postgres

/// What becomes of answers, without a server.
@Suite struct PipelineTests {
  private static let failure = PostgresError.timeout(.answer)
  private static let done = AnswerKind.success(PostgresResult(owning: nil))

  private func statement() -> PostgresPipeline.Step {
    .statement(PostgresOperation("SELECT 1", deadline: .distantFuture), nil, isCached: true)
  }

  /// Gives the pipeline results in order, nil for an end of results; returns what was settled.
  private func settled(
    _ pipeline: inout PostgresPipeline, _ kinds: [AnswerKind?]
  ) -> [PostgresError?]? {
    var all: [PostgresError?] = []
    for kind in kinds {
      switch pipeline.receive(kind) {
      case .wait: continue
      case .settle(let group): all += group.map { Self.error($0.answer) }
      case .lost: return nil
      }
    }
    return all
  }

  private static func error(_ answer: PostgresPipeline.Answer) -> PostgresError? {
    if case .failure(let error) = answer { error } else { nil }
  }

  private func pipeline(_ steps: PostgresPipeline.Step...) -> PostgresPipeline {
    var pipeline = PostgresPipeline()
    for step in steps { pipeline.append(step) }
    return pipeline
  }

  @Test func anAnswerIsSettledByItsSync() {
    var pipeline = pipeline(statement(), .sync, statement(), .sync)
    #expect(settled(&pipeline, [Self.done, nil]) == [])
    #expect(settled(&pipeline, [.sync]) == [nil])
    #expect(settled(&pipeline, [.failure(Self.failure), nil, .sync]) == [Self.failure])
    #expect(pipeline.isEmpty)
  }

  @Test func aSyncThatFailsTakesItsGroupAlong() {
    var pipeline = pipeline(statement(), statement(), .sync, statement(), .sync)
    let kinds: [AnswerKind?] = [Self.done, nil, Self.done, nil, .failure(Self.failure), nil, .sync]
    #expect(settled(&pipeline, kinds) == [Self.failure, Self.failure])
    #expect(settled(&pipeline, [Self.done, nil, .sync]) == [nil])
  }

  @Test func aStatementThatFailsTakesThoseBeforeItInItsGroupAlong() {
    var pipeline = pipeline(statement(), statement(), statement(), .sync)
    let kinds: [AnswerKind?] = [
      Self.done, nil, .failure(Self.failure), nil, .skipped, nil, .sync,
    ]
    #expect(settled(&pipeline, kinds) == [Self.failure, Self.failure, Self.failure])
  }

  @Test func aLostConnectionLeavesNoSuccessThatIsNotSettled() {
    var pipeline = pipeline(statement(), statement(), .sync)
    #expect(settled(&pipeline, [Self.done, nil]) == [])
    let abandoned = pipeline.abandon(.connectionClosed).map { Self.error($0.answer) }
    #expect(abandoned == Array(repeating: .connectionClosed, count: 3))
    #expect(pipeline.isEmpty)
  }

  @Test func whatWasToldAtTheEndIsTheReason() {
    var pipeline = pipeline(statement(), .sync)
    #expect(settled(&pipeline, [Self.done, nil, .failure(.storageFull)]) == [])
    #expect(Self.error(pipeline.abandon(.connectionClosed)[0].answer) == .storageFull)
  }

  @Test(arguments: [0, 1, 2])
  func whatIsOutOfStepIsALostConnection(example: Int) {
    var pipeline = example == 0 ? pipeline() : pipeline(statement(), .sync)
    let kinds: [AnswerKind?] = [Self.done, .sync, .unexpected]
    #expect(settled(&pipeline, [kinds[example]]) == nil)
  }
}
