import Foundation
import Identity
import Logging
import Protobuf
import RPC
import ServiceAPI
import Testing

@testable import AuthServer

/// The stream as a watcher sees it; what is in it, `RevocationReaderTests` say.
@Suite struct RevocationFeedTests {
  private let feed: RevocationFeed
  private let database: AuthDatabase

  init() async throws {
    database = try await AuthDatabase.shared()
    feed = RevocationFeed(
      postgres: database.client,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  @Test func answersComeWithoutNewsAndSayUntilWhenTheyAreComplete() async throws {
    var answers: [AuthAPI.WatchRevocationsResponse] = []
    await #expect(throws: RPCError.self) {
      try await feed.watch(after: 0) { answer throws(RPCError) in
        answers.append(answer)
        if answers.count == 3 { throw RPCError(.cancelled, "enough") }
      }
    }
    let moments = answers.compactMap { $0.knownUntil?.duration }
    #expect(moments.count == 3)
    #expect(moments == moments.sorted() && Set(moments).count == 3)
    #expect(answers.allSatisfy { $0.position > 0 && !$0.isIncomplete })
    #expect(feed.watcherCount == 0)
  }

  @Test func aServiceThatStopsLetsItsWatchersGo() async throws {
    let run = Task { try await feed.run() }
    await #expect(throws: RPCError.self) {
      try await feed.watch(after: 0) { _ throws(RPCError) in run.cancel() }
    }
    try await run.value
    await #expect(throws: RPCError.self) {
      try await feed.watch(after: 0) { _ throws(RPCError) in Issue.record("admitted") }
    }
  }

  @Test func watchersAreLimited() async throws {
    let (openings, opened) = AsyncStream.makeStream(of: Void.self)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<RevocationFeed.watchersMax {
        group.addTask {
          try? await feed.watch(after: 0) { _ throws(RPCError) in opened.yield() }
        }
      }
      // Until all are admitted: each writes an answer of its own.
      for await _ in openings where feed.watcherCount == RevocationFeed.watchersMax { break }
      let error = await #expect(throws: RPCError.self) {
        try await feed.watch(after: 0) { _ throws(RPCError) in Issue.record("admitted") }
      }
      #expect(error?.code == .resourceExhausted)
      group.cancelAll()
    }
  }
}
