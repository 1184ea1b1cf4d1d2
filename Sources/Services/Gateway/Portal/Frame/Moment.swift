import Protobuf

/// A point in time, for people and for the `datetime` attribute, in the zone of whoever looks.
struct Moment: Sendable, Hashable {
  /// E.g. `2026-11-23T21:35:00Z`.
  let machine: String
  /// E.g. `23 Nov 2026, 22:35`.
  let text: String
  /// E.g. `22:35:07`.
  let clock: String
  /// E.g. `Monday, 23 November 2026`.
  let day: String
  /// E.g. `23 Nov`.
  let shortDay: String
  /// E.g. `2026-11-23`, for the filters of a day.
  let date: String

  init(_ timestamp: Timestamp) {
    self.init(secondsSinceEpoch: timestamp.seconds)
  }

  /// In the zone that the page is drawn for; a time outside the years 1 to 9999 becomes the limit.
  init(secondsSinceEpoch seconds: Int64, zone: TimeZoneRules = .shown) {
    let range = CivilTime.secondsRange
    let seconds = min(max(seconds, range.lowerBound), range.upperBound)
    let utc = CivilTime(secondsSinceEpoch: seconds)
    let local = CivilTime(secondsSinceEpoch: seconds + Int64(zone.offset(at: seconds)))
    machine = "\(utc.date)T\(utc.clock)Z"
    clock = local.clock
    shortDay = "\(local.day) \(local.shortMonthName)"
    date = local.date
    text = "\(local.day) \(local.shortMonthName) \(local.year), \(local.shortClock)"
    day = "\(local.weekdayName), \(local.day) \(local.monthName) \(local.year)"
  }
}

/// A time as a calendar and a clock show it (proleptic Gregorian calendar).
struct CivilTime: Sendable, Hashable {
  /// From the year 1 to the year 9999, with a day to spare for any zone.
  static let secondsRange: ClosedRange<Int64> = -62_135_510_400...253_402_214_400
  static let secondsPerDay: Int64 = 86_400

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
  ]
  private static let weekdays = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]

  let year: Int
  /// 1 to 12.
  let month: Int
  let day: Int
  /// 0 for Sunday.
  let weekday: Int
  let secondOfDay: Int

  /// Days are counted in years that begin in March, so that the leap day is their last.
  init(secondsSinceEpoch seconds: Int64) {
    let days = Int(Self.dayNumber(seconds))
    secondOfDay = Int(seconds) - days * Int(Self.secondsPerDay)
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    weekday = ((days + 4) % 7 + 7) % 7
  }

  /// Days since 1 January 1970.
  static func dayNumber(_ seconds: Int64) -> Int64 {
    let (quotient, remainder) = seconds.quotientAndRemainder(dividingBy: secondsPerDay)
    return remainder < 0 ? quotient - 1 : quotient
  }

  static func dayNumber(year: Int, month: Int, day: Int) -> Int {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  var monthName: String { Self.months[month - 1] }
  /// E.g. `Nov`.
  var shortMonthName: Substring { Substring(monthName.utf8.prefix(3)) }
  /// Without seconds.
  var shortClock: Substring { Substring(clock.utf8.prefix(5)) }
  var weekdayName: String { Self.weekdays[weekday] }
  var date: String { "\(Self.padded(year, 4))-\(Self.padded(month))-\(Self.padded(day))" }
  var clock: String {
    "\(Self.padded(secondOfDay / 3_600)):\(Self.padded(secondOfDay / 60 % 60)):"
      + Self.padded(secondOfDay % 60)
  }

  private static func padded(_ number: Int, _ width: Int = 2) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }
}
