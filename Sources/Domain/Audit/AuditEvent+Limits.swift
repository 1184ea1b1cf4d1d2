import FoundationEssentials
import Receipts

extension AuditEvent {
  /// Bytes of an action such as `provider-config.create`.
  package static let actionBytesMax = 64
  /// Bytes of each of the other short texts.
  package static let textBytesMax = 512
  /// Bytes of the JSON details.
  package static let detailsBytesMax = 16_384

  /// Refuses what the log would not keep: over-long texts, NUL, and an action that isn't one.
  package func check() throws(EventProblem) {
    guard ActionFilter.isAction(action) else { throw EventProblem("action", ActionFilter.rule) }
    for (field, text) in texts {
      guard text.utf8.count <= AuditEvent.textBytesMax else {
        throw EventProblem(field, "is longer than \(AuditEvent.textBytesMax) bytes")
      }
      // PostgreSQL's text can't hold it, so one such event would fail its whole batch.
      guard !text.utf8.contains(0) else { throw EventProblem(field, "holds a NUL character") }
    }
    guard !actor.type.isEmpty else { throw EventProblem("actor.type", "is missing") }
    guard !target.type.isEmpty else { throw EventProblem("target.type", "is missing") }
    guard details.utf8.count <= AuditEvent.detailsBytesMax else {
      throw EventProblem("details", "is longer than \(AuditEvent.detailsBytesMax) bytes of JSON")
    }
    guard !AuditEvent.holdsEscapedNUL(details) else {
      throw EventProblem("details", "holds a NUL character")
    }
    guard AuditEvent.times.contains(time.timeIntervalSince1970) else {
      throw EventProblem("time", "is not between the years 1970 and 2200")
    }
  }

  /// Whether a string in JSON text holds U+0000, which JSON can only write as `\u0000`: a backslash
  /// that is escaped itself begins no such character.
  private static func holdsEscapedNUL(_ json: String) -> Bool {
    var bytes = json.utf8[...]
    while let backslash = bytes.firstIndex(of: UInt8(ascii: "\\")) {
      bytes = bytes[bytes.index(after: backslash)...]
      if bytes.starts(with: "u0000".utf8) { return true }
      bytes = bytes.dropFirst()
    }
    return false
  }

  /// Seconds since 1970 that an honest clock can show; PostgreSQL and JSON hold them all.
  private static let times = 0.0..<7_258_118_400.0

  private var texts: [(field: String, text: String)] {
    [
      ("actor.type", actor.type), ("actor.id", actor.id), ("actor.name", actor.name),
      ("target.type", target.type), ("target.id", target.id), ("target.name", target.name),
      ("ipAddress", ipAddress), ("userAgent", userAgent), ("requestId", requestID),
      ("source", source),
    ]
  }
}

/// What is wrong with one event.
package struct EventProblem: Error, Hashable {
  /// The event's field, by its JSON name.
  package let field: String
  package let reason: String

  package init(_ field: String, _ reason: String) {
    self.field = field
    self.reason = reason
  }
}
