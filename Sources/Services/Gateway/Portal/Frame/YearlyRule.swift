/// When clocks change in every year, as the end of a zone's file says it (POSIX `TZ`, RFC 9636,
/// 3.3.1), e.g. `CET-1CEST,M3.5.0,M10.5.0/3`.
struct YearlyRule: Sendable, Hashable {
  /// The last, or the first to fourth, of a weekday in a month, and a time of that day.
  private struct Day: Sendable, Hashable {
    let month, week, weekday: Int
    /// Seconds of the wall clock; may lie before or after the day.
    let seconds: Int

    /// Seconds since 1970 on the wall clock.
    func wallTime(in year: Int) -> Int64 {
      let first = CivilTime.dayNumber(year: year, month: month, day: 1)
      let next =
        month == 12
        ? CivilTime.dayNumber(year: year + 1, month: 1, day: 1)
        : CivilTime.dayNumber(year: year, month: month + 1, day: 1)
      // 1 January 1970 was a Thursday.
      let firstWeekday = ((first + 4) % 7 + 7) % 7
      var day = first + (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
      if day >= next { day -= 7 }
      return Int64(day) * CivilTime.secondsPerDay + Int64(seconds)
    }
  }

  private let standard: Int
  private let summer: Summer?

  private struct Summer: Sendable, Hashable {
    let offset: Int
    let start, end: Day
  }

  /// Nil for a text that is none, and for the two rare forms that count the days of a year.
  init?(_ text: String) {
    var reader = Reader(text.utf8[...])
    guard reader.name(), let west = reader.time() else { return nil }
    standard = -west
    guard !reader.isAtEnd else {
      summer = nil
      return
    }
    guard reader.name() else { return nil }
    var offset = standard + 3_600
    if !reader.isAt(",") {
      guard let west = reader.time() else { return nil }
      offset = -west
    }
    guard let start = reader.day(), let end = reader.day(), reader.isAtEnd else { return nil }
    summer = Summer(offset: offset, start: start, end: end)
  }

  func offset(at seconds: Int64) -> Int {
    guard let summer else { return standard }
    let year = CivilTime(secondsSinceEpoch: seconds + Int64(standard)).year
    let start = summer.start.wallTime(in: year) - Int64(standard)
    let end = summer.end.wallTime(in: year) - Int64(summer.offset)
    // South of the equator summer goes over the end of the year.
    let isSummer =
      start < end ? start <= seconds && seconds < end : seconds < end || start <= seconds
    return isSummer ? summer.offset : standard
  }

  private struct Reader {
    private var rest: Substring.UTF8View

    init(_ text: Substring.UTF8View) { rest = text }

    var isAtEnd: Bool { rest.isEmpty }

    func isAt(_ character: Unicode.Scalar) -> Bool { rest.first == UInt8(ascii: character) }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard isAt(character) else { return false }
      rest = rest.dropFirst()
      return true
    }

    /// Three letters or more, or anything between angle brackets.
    mutating func name() -> Bool {
      if take("<") {
        rest = rest.drop { $0 != UInt8(ascii: ">") }
        return take(">")
      }
      let letters = rest.prefix { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
      rest = rest.dropFirst(letters.count)
      return letters.count >= 3
    }

    mutating func number() -> Int? {
      let digits = rest.prefix(3).prefix { (0x30...0x39).contains($0) }
      rest = rest.dropFirst(digits.count)
      return Int(Substring(digits))
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time() -> Int? {
      let sign = take("-") ? -1 : 1
      _ = take("+")
      guard let hours = number() else { return nil }
      var seconds = hours * 3_600
      for unit in [60, 1] where take(":") {
        guard let part = number() else { return nil }
        seconds += part * unit
      }
      return sign * seconds
    }

    /// `,Mm.w.d[/time]`
    mutating func day() -> Day? {
      guard take(","), take("M"), let month = number(), take("."), let week = number(), take("."),
        let weekday = number(), (1...12).contains(month), (1...5).contains(week),
        (0...6).contains(weekday)
      else { return nil }
      guard take("/") else {
        return Day(month: month, week: week, weekday: weekday, seconds: 7_200)
      }
      guard let seconds = time() else { return nil }
      return Day(month: month, week: week, weekday: weekday, seconds: seconds)
    }
  }
}
