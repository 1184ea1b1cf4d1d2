import ServiceAPI

/// What uses of keys took, as far as providers told and prices are known.
struct Taken: Sendable, Hashable {
  var input = 0
  var output = 0
  /// Of `input`: read from a provider's cache.
  var cached = 0
  /// Billionths of a dollar.
  var nanodollars = 0
  /// Requests whose tokens were told.
  var meteredCount = 0
  /// Requests that have a price.
  var pricedCount = 0

  /// More in one count of the log is not believed: sums stay far from what an integer holds.
  private static let countMax: Int64 = 1_000_000_000_000_000

  init() {}

  /// Of one count of the log.
  init(_ count: AuditAPI.CountEventsResponse.Count) {
    input = Self.believed(count.inputTokens)
    output = Self.believed(count.outputTokens)
    cached = Self.believed(count.cachedTokens)
    nanodollars = Self.believed(count.costNanodollars)
    meteredCount = Self.believed(count.meteredCount)
    pricedCount = Self.believed(count.pricedCount)
  }

  private static func believed(_ count: Int64) -> Int { Int(min(max(0, count), countMax)) }

  mutating func add(_ other: Taken) { combine(other, +) }
  mutating func subtract(_ other: Taken) { combine(other, -) }

  private mutating func combine(_ other: Taken, _ operation: (Int, Int) -> Int) {
    input = operation(input, other.input)
    output = operation(output, other.output)
    cached = operation(cached, other.cached)
    nanodollars = operation(nanodollars, other.nanodollars)
    meteredCount = operation(meteredCount, other.meteredCount)
    pricedCount = operation(pricedCount, other.pricedCount)
  }

  var tokens: Int { input + output }

  /// Tokens with commas; a dash where none were told.
  func tokenText(_ path: KeyPath<Taken, Int>) -> String {
    meteredCount == 0 ? "–" : DayChart.grouped(self[keyPath: path])
  }

  /// A dash where nothing has a price.
  var costText: String { pricedCount == 0 ? "–" : Money.text(nanodollars) }
}

/// An amount of US dollars, counted in billionths.
enum Money {
  static let nanodollarsPerDollar = 1_000_000_000

  /// For people: whole cents from one dollar on, `$1,203.45`; below that as many digits as say
  /// something, `$0.000412`, and two at least.
  static func text(_ nanodollars: Int) -> String {
    let magnitude = Int(clamping: nanodollars.magnitude)
    let sign = nanodollars < 0 ? "-" : ""
    guard magnitude < nanodollarsPerDollar else {
      let cents = magnitude / 10_000_000 + (magnitude % 10_000_000 >= 5_000_000 ? 1 : 0)
      return sign + "$\(DayChart.grouped(cents / 100)).\(padded(cents % 100, 2))"
    }
    var digits = Array(padded(magnitude, 9).utf8)
    while digits.count > 2, digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return sign + "$0." + String(decoding: digits, as: UTF8.self)
  }

  /// For programs: exact, with nine digits behind the point.
  static func decimal(_ nanodollars: Int) -> String {
    let magnitude = Int(clamping: nanodollars.magnitude)
    return (nanodollars < 0 ? "-" : "")
      + "\(magnitude / nanodollarsPerDollar).\(padded(magnitude % nanodollarsPerDollar, 9))"
  }

  private static func padded(_ number: Int, _ count: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
  }
}
