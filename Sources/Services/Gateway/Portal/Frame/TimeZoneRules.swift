import FoundationEssentials

/// A time zone of the system's database (RFC 9636): how far its clocks are from UTC, and when.
struct TimeZoneRules: Sendable, Hashable {
  static let utc = TimeZoneRules(name: "UTC", changes: [], offsets: [], first: 0, rule: nil)
  /// The zone of whoever the page is drawn for.
  @TaskLocal static var shown = TimeZoneRules.utc

  /// IANA name, e.g. `Europe/Berlin`.
  let name: String
  /// Seconds since 1970 at which the offset changes, ascending, and the offset from then on.
  private let changes: [Int64]
  private let offsets: [Int]
  /// Before the first change.
  private let first: Int
  /// After the last.
  private let rule: YearlyRule?

  private init(name: String, changes: [Int64], offsets: [Int], first: Int, rule: YearlyRule?) {
    (self.name, self.changes, self.offsets) = (name, changes, offsets)
    (self.first, self.rule) = (first, rule)
  }

  /// Seconds to add to UTC.
  func offset(at seconds: Int64) -> Int {
    guard let last = changes.last else { return rule?.offset(at: seconds) ?? first }
    if seconds >= last, let rule { return rule.offset(at: seconds) }
    var (low, high) = (0, changes.count)
    while low < high {
      let middle = (low + high) / 2
      if changes[middle] <= seconds { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? first : offsets[low - 1]
  }

  /// The first second of a day written `yyyy-mm-dd` here; nil for anything else.
  func startOfDay(_ text: String) -> Int64? {
    let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
      .map { Substring($0) }
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }),
      text.utf8.count == 10, parts.map(\.utf8.count) == [4, 2, 2],
      let year = UInt(parts[0]), let month = UInt(parts[1]), let day = UInt(parts[2]), year > 0,
      (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    let number = CivilTime.dayNumber(year: Int(year), month: Int(month), day: Int(day))
    let wall = Int64(number) * CivilTime.secondsPerDay
    guard CivilTime(secondsSinceEpoch: wall).day == Int(day) else { return nil }
    // Right but where the clocks change at midnight; then the offset of the second after counts.
    let guess = wall - Int64(offset(at: wall))
    return wall - Int64(offset(at: guess))
  }

  // MARK: Reading

  /// Reads a file of the database; nil for anything else.
  init?(name: String, file: [UInt8]) {
    var reader = ZoneFileReader(bytes: file)
    guard let header = reader.header(), header.version >= UInt8(ascii: "2"),
      // The first block is for readers of 32 bits.
      reader.skip(header.size(ofTime: 4)), let whole = reader.header()
    else { return nil }
    let changes = (0..<whole.times).compactMap { _ in reader.integer(8) }
    let types = (0..<whole.times).compactMap { _ in reader.integer(1) }
    var offsets: [Int] = []
    for _ in 0..<whole.types {
      guard let offset = reader.integer(4), reader.skip(2) else { return nil }
      offsets.append(Int(offset))
    }
    guard changes.count == whole.times, types.count == whole.times, !offsets.isEmpty,
      types.allSatisfy({ offsets.indices.contains(Int($0)) }),
      reader.skip(whole.sizeBehindTypes)
    else { return nil }
    self.init(
      name: name, changes: changes, offsets: types.map { offsets[Int($0)] }, first: offsets[0],
      rule: YearlyRule(reader.footer()))
  }
}

/// The numbers of a zone's file, in network order.
private struct ZoneFileReader {
  struct Header {
    let version: UInt8
    let utIndicators, standardIndicators, leaps, times, types, characters: Int

    func size(ofTime bytes: Int) -> Int { times * (bytes + 1) + types * 6 + behindTypes(bytes) }
    var sizeBehindTypes: Int { behindTypes(8) }

    private func behindTypes(_ bytes: Int) -> Int {
      characters + leaps * (bytes + 4) + standardIndicators + utIndicators
    }
  }

  private static let countMax: Int64 = 65_536
  private static let reservedBytes = 15

  let bytes: [UInt8]
  private var place = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func header() -> Header? {
    guard bytes.dropFirst(place).starts(with: "TZif".utf8), skip(4),
      let version = integer(1), skip(Self.reservedBytes)
    else { return nil }
    let counts = (0..<6).compactMap { _ in integer(4) }
    guard counts.count == 6, counts.allSatisfy({ (0...Self.countMax).contains($0) }) else {
      return nil
    }
    return Header(
      version: UInt8(truncatingIfNeeded: version), utIndicators: Int(counts[0]),
      standardIndicators: Int(counts[1]), leaps: Int(counts[2]), times: Int(counts[3]),
      types: Int(counts[4]), characters: Int(counts[5]))
  }

  mutating func integer(_ count: Int) -> Int64? {
    guard bytes.count - place >= count else { return nil }
    let digits = bytes[place..<(place + count)]
    place += count
    let value = digits.reduce(into: Int64(0)) { $0 = $0 << 8 | Int64($1) }
    // Times and offsets have a sign; counts and indices of types are small.
    return count == 4 ? Int64(Int32(truncatingIfNeeded: value)) : value
  }

  mutating func skip(_ count: Int) -> Bool {
    guard bytes.count - place >= count else { return false }
    place += count
    return true
  }

  /// The line behind the numbers.
  func footer() -> String {
    String(
      decoding: bytes.dropFirst(place).drop { $0 == UInt8(ascii: "\n") }
        .prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
}
