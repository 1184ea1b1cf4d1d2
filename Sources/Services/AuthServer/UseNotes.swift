import FoundationEssentials
import Logging
import Postgres
import ServiceLifecycle
import Synchronization

/// When sessions were seen and access tokens used: gathered, and written together once a second.
///
/// What was gathered and not yet written is lost with the process; nothing but lists and the end of
/// sessions that nobody uses goes by it.
final class UseNotes: Service {
  static let interval: Duration = .seconds(1)
  /// Of each kind; more are not noted until these are written.
  static let countMax = 20_000

  private struct Use {
    let time: Date
    let address: String
  }

  private struct Notes {
    var sessions: [UUID: Date] = [:]
    var accessTokens: [UUID: Use] = [:]

    static func add(_ id: UUID, _ time: Date, to notes: inout [UUID: Date]) {
      if let noted = notes[id] {
        notes[id] = max(noted, time)
      } else if notes.count < UseNotes.countMax {
        notes[id] = time
      }
    }
  }

  private let postgres: PostgresClient
  private let logger: Logger
  private let notes = Mutex(Notes())

  init(postgres: PostgresClient, logger: Logger) {
    self.postgres = postgres
    self.logger = logger
  }

  func note(session id: UUID, at time: Date) {
    notes.withLock { Notes.add(id, time, to: &$0.sessions) }
  }

  func note(accessToken id: UUID, at time: Date, from address: String) {
    notes.withLock { notes in
      if let noted = notes.accessTokens[id] {
        if noted.time < time { notes.accessTokens[id] = Use(time: time, address: address) }
      } else if notes.accessTokens.count < Self.countMax {
        notes.accessTokens[id] = Use(time: time, address: address)
      }
    }
  }

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        try await Task.sleep(for: Self.interval)
        await self.tryWriting()
      }
    }
    await tryWriting()
  }

  private func tryWriting() async {
    do {
      try await write()
    } catch {
      logger.warning("uses could not be noted", metadata: ["error": "\(error)"])
    }
  }

  /// Writes what was gathered. A row that is being changed is skipped: its next use will be noted.
  func write() async throws(PostgresError) {
    let notes = notes.withLock { notes in
      let gathered = notes
      notes = Notes()
      return gathered
    }
    if !notes.sessions.isEmpty {
      let (ids, times) = (Array(notes.sessions.keys), Array(notes.sessions.values))
      try await postgres.execute(
        """
        WITH seen AS (
          SELECT s.id, n.time
            FROM unnest(\(ids), \(times)) AS n (id, time)
            JOIN sessions AS s ON s.id = n.id
           WHERE s.last_seen_time < n.time
             FOR UPDATE OF s SKIP LOCKED
        )
        UPDATE sessions AS s SET last_seen_time = seen.time FROM seen WHERE s.id = seen.id
        """)
    }
    if !notes.accessTokens.isEmpty {
      let ids = Array(notes.accessTokens.keys)
      let times = notes.accessTokens.values.map(\.time)
      let addresses = notes.accessTokens.values.map(\.address)
      try await postgres.execute(
        """
        WITH used AS (
          SELECT t.id, n.time, n.address
            FROM unnest(\(ids), \(times), \(addresses)) AS n (id, time, address)
            JOIN access_tokens AS t ON t.id = n.id
           WHERE t.last_use_time IS NULL OR t.last_use_time < n.time
             FOR UPDATE OF t SKIP LOCKED
        )
        UPDATE access_tokens AS t SET last_use_time = used.time, last_use_address = used.address
          FROM used WHERE t.id = used.id
        """)
    }
  }
}
