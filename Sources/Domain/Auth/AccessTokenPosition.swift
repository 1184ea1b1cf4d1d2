package import FoundationEssentials

/// A place in a list of access tokens, newest first: behind the token that was created then.
///
/// As text it is opaque to callers. It is no secret and grants nothing, for every list is of its
/// reader's own tokens.
package struct AccessTokenPosition: Sendable, Hashable {
  package let createTime: Date
  package let id: UUID

  init(_ token: AccessToken) {
    createTime = token.createTime
    id = token.id
  }

  /// Reads a page token.
  init(_ text: String) throws(AuthError) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let milliseconds = Int64(parts[0]),
      (0...Self.millisecondsMax).contains(milliseconds), let id = UUID(uuidString: String(parts[1]))
    else { throw .invalid(.pageToken, reason: "is not a page token of this service") }
    createTime = Date(timeIntervalSince1970: TimeInterval(milliseconds) / 1000)
    self.id = id
  }

  /// Times are whole milliseconds, so the text holds exactly what was stored.
  var text: String {
    let milliseconds = Int64((createTime.timeIntervalSince1970 * 1000).rounded())
    return "\(milliseconds).\(id.uuidString.lowercased())"
  }

  /// The year 9999.
  private static let millisecondsMax: Int64 = 253_402_300_799_000
}
