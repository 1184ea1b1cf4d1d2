/// Values that were used lately, at most `countMax` of them.
///
/// Two generations stand for the order of use: a value that is used moves to the younger one, and
/// the older one is dropped whole when the younger is full or `lifetime` has passed. So a value is
/// held for at most twice `lifetime` after its last use while the owner calls `dropIdle`.
struct RecentlyUsed<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private let countMax: Int
  private let lifetime: Duration
  private var young: [Key: Value] = [:]
  private var old: [Key: Value] = [:]
  private var turned: ContinuousClock.Instant = .now

  init(countMax: Int, lifetime: Duration) {
    self.countMax = max(2, countMax)
    self.lifetime = lifetime
  }

  var count: Int { young.count + old.count }

  /// The value, which counts as a use of it.
  mutating func use(_ key: Key) -> Value? {
    if let value = young[key] { return value }
    guard let value = old.removeValue(forKey: key) else { return nil }
    insert(value, for: key)
    return value
  }

  mutating func insert(_ value: Value, for key: Key) {
    old[key] = nil
    if young[key] == nil, young.count >= countMax / 2 { turn(at: .now) }
    young[key] = value
  }

  mutating func remove(_ key: Key) {
    young[key] = nil
    old[key] = nil
  }

  /// Drops every value whose key is refused; walks through all.
  mutating func removeAll(where isRefused: (Key, Value) -> Bool) {
    young = young.filter { !isRefused($0.key, $0.value) }
    old = old.filter { !isRefused($0.key, $0.value) }
  }

  /// Drops what was not used for a lifetime; to be called about once per lifetime.
  mutating func dropIdle(at now: ContinuousClock.Instant) {
    if turned.duration(to: now) >= lifetime { turn(at: now) }
  }

  private mutating func turn(at now: ContinuousClock.Instant) {
    old = young
    young = [:]
    turned = now
  }
}
