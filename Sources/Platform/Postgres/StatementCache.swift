/// Which statements one connection has prepared; the least recently used one makes room.
struct StatementCache {
  enum Lookup {
    case ready(name: String)
    /// The server has not confirmed it yet: should it fail, what relied on it would fail as well.
    case unconfirmed
    /// To be prepared under this name; `evicted` is to be deallocated.
    case new(name: String, evicted: String?)
  }

  private struct Entry {
    let name: String
    var isConfirmed = false
    var lastUse: UInt64
  }

  /// The same text with other types is another statement to the server.
  private struct Key: Hashable {
    let sql: String
    let types: [UInt32]

    init(_ query: PostgresQuery) {
      sql = query.sql
      types = query.parameters.types
    }
  }

  private let statementsMax: Int
  private var entries: [Key: Entry] = [:]
  private var clock: UInt64 = 0

  /// - Parameter statementsMax: 0 prepares none.
  init(statementsMax: Int) {
    self.statementsMax = statementsMax
  }

  mutating func use(_ query: PostgresQuery) -> Lookup {
    guard statementsMax > 0 else { return .unconfirmed }
    clock += 1
    let key = Key(query)
    if let entry = entries[key] {
      entries[key]?.lastUse = clock
      return entry.isConfirmed ? .ready(name: entry.name) : .unconfirmed
    }
    var evicted: String?
    if entries.count >= statementsMax {
      // Rare, and the cache is small: a scan beats keeping an order on every use.
      let oldest = entries.lazy.filter(\.value.isConfirmed).min {
        $0.value.lastUse < $1.value.lastUse
      }
      guard let oldest else { return .unconfirmed }
      evicted = entries.removeValue(forKey: oldest.key)?.name
    }
    let name = "s\(clock)"
    entries[key] = Entry(name: name, lastUse: clock)
    return .new(name: name, evicted: evicted)
  }

  mutating func confirm(_ query: PostgresQuery) { entries[Key(query)]?.isConfirmed = true }

  /// Forgets a statement; returns the name that the server may still know it by.
  @discardableResult
  mutating func remove(_ query: PostgresQuery) -> String? {
    entries.removeValue(forKey: Key(query))?.name
  }
}
