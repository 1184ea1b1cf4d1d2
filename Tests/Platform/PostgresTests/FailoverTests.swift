import Foundation
import NIOCore
import Postgres
import Synchronization
import TestSupport
import Testing

/// A replica takes over while rows are written; what was acknowledged is there afterwards.
@Suite(.serialized, .timeLimit(.minutes(3))) struct FailoverTests {
  private static let isMeasured =
    ProcessInfo.processInfo.environment["CHATELAINE_TEST_FAILOVER_TIMES"] != nil

  @Test(arguments: [SIGKILL, SIGSTOP])
  func nothingAcknowledgedIsLostWhenTheReplicaTakesOver(_ end: Int32) async throws {
    let cluster = try await PatroniCluster.start()
    do {
      try await withClient(of: try cluster.configuration()) { client in
        try await client.execute("CREATE TABLE rows (id bigint PRIMARY KEY)")
        let rows = Rows()
        let lost = try await cluster.leader()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
          for _ in 0..<4 {
            tasks.addTask {
              while !Task.isCancelled {
                let id = rows.nextID()
                do throws(PostgresError) {
                  try await client.execute("INSERT INTO rows (id) VALUES (\(id))")
                  rows.acknowledge(id)
                } catch {
                  // Nothing to be had: not as fast as possible.
                  try? await Task.sleep(for: .milliseconds(5))
                }
              }
            }
          }
          while rows.acknowledged.count < 200 { try await Task.sleep(for: .milliseconds(5)) }
          // Without one nothing could take over.
          try await cluster.waitForSynchronousReplica()
          let begin = ContinuousClock.now
          lost.signal(end)
          var leader = try await cluster.leader()
          while leader.address == lost.address { leader = try await cluster.leader() }
          let takenOver = begin.duration(to: .now)
          let count = rows.acknowledged.count
          while rows.acknowledged.count < count + 200 {
            try await Task.sleep(for: .milliseconds(5))
          }
          if Self.isMeasured {
            print("signal \(end): new leader \(takenOver), writing \(begin.duration(to: .now))")
          }
          tasks.cancelAll()
        }
        let written = try await client.all("SELECT id FROM rows") {
          row throws(PostgresError) in try row.decode("id", as: Int64.self)
        }
        #expect(Set(rows.acknowledged).subtracting(written) == [])
      }
      await cluster.stop()
    } catch {
      await cluster.stop()
      throw error
    }
  }
}

/// Which rows were sent and which of them the server has acknowledged.
private final class Rows: Sendable {
  private let state = Mutex((last: Int64(0), acknowledged: [Int64]()))

  var acknowledged: [Int64] { state.withLock(\.acknowledged) }

  func nextID() -> Int64 {
    state.withLock { state in
      state.last += 1
      return state.last
    }
  }

  func acknowledge(_ id: Int64) {
    state.withLock { $0.acknowledged.append(id) }
  }
}
