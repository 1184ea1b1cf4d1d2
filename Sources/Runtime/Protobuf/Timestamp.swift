import CMessages
package import FoundationEssentials

/// `google.protobuf.Timestamp`: a moment in UTC, years 1 to 9999, as RFC 3339 text in JSON.
package struct Timestamp: OpaqueJSONMessage, JSONArrayElement, Comparable {
  /// From 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
  package static let secondsRange: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
  private static let nanosRange: ClosedRange<Int32> = 0...Nanos.max

  package var seconds: Int64
  package var nanos: Int32

  package init(seconds: Int64 = 0, nanos: Int32 = 0) {
    self.seconds = seconds
    self.nanos = nanos
  }

  package init() { self.init(seconds: 0) }

  /// The moment of a `Date`, to the microsecond; one outside of the range becomes its limit.
  package init(_ date: Date) {
    let interval = date.timeIntervalSince1970
    let whole = interval.rounded(.down)
    guard let seconds = Int64(exactly: whole), Self.secondsRange.contains(seconds) else {
      self.init(
        seconds: interval < 0 ? Self.secondsRange.lowerBound : Self.secondsRange.upperBound)
      return
    }
    let micros = ((interval - whole) * 1e6).rounded()
    let isNextSecond = micros >= 1e6 && seconds < Self.secondsRange.upperBound
    self.init(
      seconds: seconds + (isNextSecond ? 1 : 0),
      nanos: isNextSecond ? 0 : Int32(min(micros, 999_999)) * 1000)
  }

  package var date: Date {
    Date(timeIntervalSince1970: Double(seconds) + Double(nanos) / 1e9)
  }

  package static func < (lhs: Timestamp, rhs: Timestamp) -> Bool {
    (lhs.seconds, lhs.nanos) < (rhs.seconds, rhs.nanos)
  }

  package static let messageName = "google.protobuf.Timestamp"
  package static let isRecursive = false
  package nonisolated(unsafe) static let descriptor = CField.descriptor(
    google__protobuf__timestamp__init)

  package init(copying struct: UnsafeRawPointer) throws(MessageError) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__Timestamp.self)
    guard Self.secondsRange.contains(c.pointee.seconds) else {
      throw .invalidField("seconds", reason: "must be within the years 0001 to 9999")
    }
    guard Self.nanosRange.contains(c.pointee.nanos) else {
      throw .invalidField("nanos", reason: "must be from 0 to 999,999,999")
    }
    self.init(seconds: c.pointee.seconds, nanos: c.pointee.nanos)
  }

  package func fill(_ struct: UnsafeMutableRawPointer, in arena: Arena) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__Timestamp.self)
    c.pointee.seconds = seconds
    c.pointee.nanos = nanos
  }
}

// MARK: JSON

extension Timestamp {
  package func write(to writer: inout JSONWriter) { writer.string(text) }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    guard case .string(let text) = value, let timestamp = Timestamp(text) else {
      throw .invalidField(
        field, reason: "must be a time such as 2026-01-31T12:00:00Z, years 0001 to 9999")
    }
    self = timestamp
  }

  /// RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction.
  package var text: String {
    let seconds = min(max(seconds, Self.secondsRange.lowerBound), Self.secondsRange.upperBound)
    // Rounded down, so that the rest is a time of the day before 1970 too.
    let (quotient, remainder) = Int(seconds).quotientAndRemainder(dividingBy: 86400)
    let days = remainder < 0 ? quotient - 1 : quotient
    let second = Int(seconds) - days * 86400
    let (year, month, day) = Self.date(days: days)
    return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) + "T"
      + padded(second / 3600, 2) + ":" + padded(second / 60 % 60, 2) + ":"
      + padded(second % 60, 2) + Nanos.text(nanos) + "Z"
  }

  /// Reads RFC 3339; nil for anything else.
  package init?(_ text: String) {
    // Not \d, which takes the digits of every script.
    let pattern =
      /([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))/
    guard text.utf8.count <= 40, let match = text.wholeMatch(of: pattern),
      let year = Int(match.1), let month = Int(match.2), let day = Int(match.3),
      let hour = Int(match.4), let minute = Int(match.5), let second = Int(match.6),
      year >= 1, (1...12).contains(month), hour < 24, minute < 60, second < 60, day >= 1
    else { return nil }
    let days = Self.days(year: year, month: month, day: day)
    guard Self.date(days: days) == (year, month, day) else { return nil }
    var offset = 0
    if let sign = match.8, let hours = match.9.flatMap({ Int($0) }),
      let minutes = match.10.flatMap({ Int($0) })
    {
      guard hours < 24, minutes < 60 else { return nil }
      offset = (hours * 3600 + minutes * 60) * (sign == "-" ? -1 : 1)
    }
    let seconds = Int64(days * 86400 + hour * 3600 + minute * 60 + second - offset)
    guard Self.secondsRange.contains(seconds) else { return nil }
    self.init(seconds: seconds, nanos: Nanos.read(match.7))
  }

  /// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in 400-year eras from
  /// March.
  private static func days(year: Int, month: Int, day: Int) -> Int {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  private static func date(days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * month + 2) / 5 + 1
    let isNextYear = month >= 10
    return (
      yearOfEra + era * 400 + (isNextYear ? 1 : 0), isNextYear ? month - 9 : month + 3, day
    )
  }
}

/// The fraction of a second in the texts of times and durations.
enum Nanos {
  static let max: Int32 = 999_999_999

  /// With a point in front; 0, 3, 6 or 9 digits.
  static func text(_ nanos: Int32) -> String {
    // Peers can send any number; nine digits are all that a text can say.
    let nanos = min(nanos, max)
    guard nanos > 0 else { return "" }
    if nanos % 1_000_000 == 0 { return "." + padded(Int(nanos / 1_000_000), 3) }
    if nanos % 1000 == 0 { return "." + padded(Int(nanos / 1000), 6) }
    return "." + padded(Int(nanos), 9)
  }

  /// Reads one to nine digits; nil is none.
  static func read(_ digits: Substring?) -> Int32 {
    guard let digits else { return 0 }
    return Int32(digits + String(repeating: "0", count: 9 - digits.utf8.count)) ?? 0
  }
}

private func padded(_ number: Int, _ width: Int) -> String {
  let digits = String(number)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
