import Glibc
import Synchronization

/// The time that every answer carries (RFC 9110, 6.6.1), written once a second.
final class AnswerDate: Sendable {
  private static let textBytesMax = 32

  private struct Written {
    var second: time_t = -1
    var text = ""
  }

  private let written = Mutex(Written())

  /// E.g. `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
  var text: String {
    let now = time(nil)
    return written.withLock { written in
      if written.second != now { written = Written(second: now, text: Self.text(of: now)) }
      return written.text
    }
  }

  /// The names of days and months are those of the "C" locale, which this process never leaves.
  static func text(of second: time_t) -> String {
    var (second, parts) = (second, tm())
    gmtime_r(&second, &parts)
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: textBytesMax) { buffer in
      let count = strftime(buffer.baseAddress, buffer.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
      return String(
        decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
