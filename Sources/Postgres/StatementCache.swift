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

  private let statementsMax: Int
  private var entries: [String: Entry] = [:]
  private var clock: UInt64 = 0

  init(statementsMax: Int) {
    self.statementsMax = max(1, statementsMax)
  }

  mutating func use(_ sql: String) -> Lookup {
    clock += 1
    if let entry = entries[sql] {
      entries[sql]?.lastUse = clock
      return entry.isConfirmed ? .ready(name: entry.name) : .unconfirmed
    }
    var evicted: String?
    if entries.count >= statementsMax {
      // Rare, and the cache is small: a scan beats keeping an order on every use.
      let oldest = entries.lazy.filter(\.value.isConfirmed).min { $0.value.lastUse < $1.value.lastUse }
      guard let oldest else { return .unconfirmed }
      evicted = entries.removeValue(forKey: oldest.key)?.name
    }
    let name = "s\(clock)"
    entries[sql] = Entry(name: name, lastUse: clock)
    return .new(name: name, evicted: evicted)
  }

  mutating func confirm(_ sql: String) { entries[sql]?.isConfirmed = true }

  /// Forgets a statement; returns the name that the server may still know it by.
  @discardableResult
  mutating func remove(_ sql: String) -> String? { entries.removeValue(forKey: sql)?.name }
}
