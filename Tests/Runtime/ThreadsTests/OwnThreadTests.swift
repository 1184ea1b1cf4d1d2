import Glibc
import Testing
import Threads

@Suite struct OwnThreadTests {
  @Test func workRunsOnAThreadOfItsOwn() async throws {
    let ids = try await withThrowingTaskGroup(of: UInt.self) { group in
      for _ in 0..<8 {
        group.addTask {
          try await OwnThread.run {
            usleep(10_000)
            return UInt(pthread_self())
          }
        }
      }
      return try await group.reduce(into: Set<UInt>()) { $0.insert($1) }
    }
    #expect(ids.count == 8)
    #expect(!ids.contains(UInt(pthread_self())))
  }

  @Test func whatTheWorkThrowsReachesTheCaller() async {
    struct Failure: Error {}
    await #expect(throws: Failure.self) { try await OwnThread.run { throw Failure() } }
  }

  @Test func theStackHoldsWhatItSays() async throws {
    let sum = try await OwnThread.run {
      withUnsafeTemporaryAllocation(byteCount: OwnThread.stackBytes / 2, alignment: 16) { bytes in
        bytes.initializeMemory(as: UInt8.self, repeating: 1)
        return bytes.reduce(0) { $0 + Int($1) }
      }
    }
    #expect(sum == OwnThread.stackBytes / 2)
  }
}
