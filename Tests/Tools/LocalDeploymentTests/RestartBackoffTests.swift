import Pacing
import Testing

@testable import LocalDeployment

@Suite struct RestartBackoffTests {
  private func isWait(_ delay: Duration, afterFailures count: Int) -> Bool {
    let whole = RestartBackoff.waits.wait(afterFailures: count, drawing: 1)
    return (whole / 2...whole).contains(delay)
  }

  @Test func delaysGrowWithEachCrash() {
    var backoff = RestartBackoff()
    for count in 1...12 {
      #expect(isWait(backoff.next(afterRunning: .seconds(1)), afterFailures: count))
    }
  }

  @Test func aLongHealthyRunStartsOver() {
    var backoff = RestartBackoff()
    for _ in 0..<5 { _ = backoff.next(afterRunning: .zero) }
    #expect(isWait(backoff.next(afterRunning: RestartBackoff.healthyAfter), afterFailures: 1))
  }
}
