import Pacing
import Testing

@Suite struct BackoffTests {
  @Test func waitsGrowUpToTheirBoundAndVaryAroundIt() {
    let backoff = Backoff(min: .milliseconds(100), max: .seconds(1), multiplier: 2, jitter: 0.2)
    for (failureCount, value) in [
      (0, 100), (1, 100), (2, 200), (3, 400), (5, 1_000), (9_999, 1_000),
    ] {
      let waits = (0..<200).map { _ in backoff.wait(afterFailures: failureCount) }
      let range = Duration.milliseconds(value) * 0.8...Duration.milliseconds(value) * 1.2
      #expect(waits.allSatisfy(range.contains))
      #expect(Set(waits).count > 100)
    }
  }

  @Test func aDoublingOneTakesAwayAtMostHalfAndNeverExceedsItsBound() {
    let backoff = Backoff.doubling(from: .milliseconds(50), to: .seconds(5))
    #expect(backoff.wait(afterFailures: 1, drawing: 0.5) == .milliseconds(25))
    let waits = (1...12).map { backoff.wait(afterFailures: $0, drawing: 1) }
    #expect(waits.prefix(3) == [.milliseconds(50), .milliseconds(100), .milliseconds(200)])
    #expect(waits.last == .seconds(5))
    for failures in [1, 4, 64, .max] {
      let value = backoff.wait(afterFailures: failures, drawing: 1)
      for _ in 0..<100 {
        #expect((value / 2...value).contains(backoff.wait(afterFailures: failures)))
      }
    }
  }

  @Test func absurdSettingsDoNotTrap() {
    for backoff in [
      Backoff(min: .seconds(Int64.max), max: .seconds(Int64.max), multiplier: .infinity, jitter: 9),
      Backoff(min: .seconds(-1), max: .seconds(-1), multiplier: -.infinity, jitter: -1),
      Backoff(min: .zero, max: .seconds(Int64.max), multiplier: .nan, jitter: .nan),
    ] {
      for failures in [Int.min, 0, 1, .max] {
        #expect(backoff.wait(afterFailures: failures) >= .zero)
      }
    }
  }
}
