import Cryptography
import Foundation
import Identity
import Synchronization
import Testing

@testable import Auth

/// Passwords wait for a thread; whoever sends many waits behind who sends few.
@Suite(.timeLimit(.minutes(2))) struct HashQueueTests {
  private static let floodingTasks = 66

  /// What those who guess and the others tell each other.
  private final class Flood: Sendable {
    let isOver = Mutex(false)
    /// Guesses that found no room.
    let turnedAway = Mutex(0)
  }

  private static var rates: AttemptLimits.Rates {
    var rates = AttemptLimits.Rates()
    rates.logInsPerAccount = AttemptRate(100_000, per: .seconds(60))
    rates.logInsPerSource = AttemptRate(100_000, per: .seconds(60))
    rates.logIns = AttemptRate(1_000_000, per: .seconds(60))
    return rates
  }

  /// What was found: 66 log-ins at once from two addresses, and everybody else got 429.
  @Test func sixtySixLogInsFromTwoPlacesTurnNobodyElseAway() async throws {
    let auth = TestAuth(rates: Self.rates, hasher: PasswordHasher())
    _ = try await auth.signUp()
    let flood = Flood()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<Self.floodingTasks {
        let place = CallOrigin(ipAddress: "198.51.100.\(1 + number % 2)")
        group.addTask {
          while !flood.isOver.withLock(\.self) {
            do {
              _ = try await auth.service.createSession(
                email: "nobody-\(number)@example.com",
                password: SecretBytes(utf8: "not the password"), from: place)
            } catch AuthError.overloaded {
              flood.turnedAway.withLock { $0 += 1 }
              await Task.yield()
            } catch AuthError.wrongCredentials {}
          }
        }
      }
      // Only when the queue is full is there anything to see.
      while flood.turnedAway.withLock(\.self) == 0 { await Task.yield() }
      for number in 1...3 {
        _ = try await auth.logIn(from: CallOrigin(ipAddress: "203.0.113.\(number)"))
      }
      flood.isOver.withLock { $0 = true }
      try await group.waitForAll()
    }
    #expect(flood.turnedAway.withLock(\.self) > 0)
  }
}
