import Testing

@testable import LocalDeployment

@Suite struct RestartBackoffTests {
  @Test func delaysDoubleUpToALimit() {
    var backoff = RestartBackoff()
    var delays: [Duration] = []
    for _ in 0..<12 { delays.append(backoff.next(afterRunning: .seconds(1), jitter: 1)) }
    #expect(delays[0] == RestartBackoff.delayMin)
    #expect(delays[1] == RestartBackoff.delayMin * 2)
    #expect(delays.last == RestartBackoff.delayMax)
  }

  @Test func aLongHealthyRunStartsOver() {
    var backoff = RestartBackoff()
    for _ in 0..<5 { _ = backoff.next(afterRunning: .zero, jitter: 1) }
    let delay = backoff.next(afterRunning: RestartBackoff.healthyAfter, jitter: 1)
    #expect(delay == RestartBackoff.delayMin)
  }

  @Test func jitterTakesAwayAtMostHalf() {
    var backoff = RestartBackoff()
    #expect(backoff.next(afterRunning: .zero, jitter: 0) == RestartBackoff.delayMin / 2)
  }
}
