import Testing

@testable import Cryptography

@Suite struct PasswordHashingPoolTests {
  private static let quick = PasswordHasher(
    parameters: PasswordHasher.Parameters(memoryKiB: 64, iterations: 1, parallelism: 1))

  @Test func hashesAndVerifiesForManyCallersAtOnce() async throws {
    let pool = PasswordHashingPool(hasher: Self.quick, threadCount: 2, queueLimit: 100)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for index in 0..<50 {
        group.addTask {
          let password = SecretBytes(utf8: "password \(index)")
          let hash = try await pool.hash(password)
          let right = try await pool.verify(password, against: hash)
          let wrong = try await pool.verify(SecretBytes(utf8: "other"), against: hash)
          return right.matches && !wrong.matches
        }
      }
      for try await isCorrect in group { #expect(isCorrect) }
    }
    #expect(try await !pool.verify(SecretBytes(utf8: "x"), against: pool.dummyHash).matches)
  }

  @Test func errorsOfTheHasherReachTheCaller() async {
    let pool = PasswordHashingPool(hasher: Self.quick)
    await #expect(throws: PasswordHashingError.malformedHash) {
      try await pool.verify(SecretBytes(utf8: "x"), against: "nonsense")
    }
  }

  @Test func aPoolThatWasShutDownSaysSo() async {
    let pool = PasswordHashingPool(hasher: Self.quick)
    pool.shutdown()
    await #expect(throws: PasswordHashingError.shutDown) {
      try await pool.hash(SecretBytes(utf8: "x"))
    }
  }

  @Test func aPoolThatIsFullSaysSo() async {
    let pool = PasswordHashingPool(threadCount: 1, queueLimit: 0)
    let hashes = (1...2).map { _ in
      Task.immediate { try await pool.hash(SecretBytes(utf8: "x")) }
    }
    var refusals = 0
    for hash in hashes {
      do { _ = try await hash.value } catch PasswordHashingError.overloaded { refusals += 1 } catch
      {}
    }
    #expect(refusals == 1)
  }
}
