import FoundationEssentials
import Protobuf

/// A point in time, for people and for the `datetime` attribute.
struct Moment: Sendable {
  /// E.g. `2026-11-23T21:35:00Z`.
  let machine: String
  /// E.g. `23 Nov 2026, 21:35`, in UTC.
  let text: String

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  init(_ timestamp: Timestamp) {
    self.init(secondsSinceEpoch: timestamp.seconds)
  }

  init(secondsSinceEpoch seconds: Int64) {
    let date = Date(timeIntervalSince1970: Double(seconds))
    let iso = date.formatted(.iso8601)
    machine = iso
    // yyyy-mm-ddThh:mm:ssZ
    let parts = iso.utf8.split { "-T:Z".utf8.contains($0) }.map { Substring($0) }
    guard parts.count == 6, let month = Int(parts[1]), Self.months.indices.contains(month - 1),
      let day = Int(parts[2])
    else {
      text = iso
      return
    }
    text = "\(day) \(Self.months[month - 1]) \(parts[0]), \(parts[3]):\(parts[4])"
  }

  /// The first second of a day written `yyyy-mm-dd`, in UTC; nil for anything else.
  static func startOfDay(_ text: String) -> Date? {
    guard text.utf8.count == 10, text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    return try? Date("\(text)T00:00:00Z", strategy: .iso8601)
  }
}
