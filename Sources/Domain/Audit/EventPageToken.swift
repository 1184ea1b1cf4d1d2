import FoundationEssentials
import Identity

/// Names the next page of one query: a position and a digest of the filters it was read with.
///
/// Opaque to callers. It is no secret and grants nothing, for every query names its reader's own
/// account; the digest catches a token that is sent with other filters, whose pages would neither
/// continue nor restart the list.
struct EventPageToken: Hashable {
  private static let version: UInt8 = 1
  private static let byteCount = 1 + 8 + 8 + 8

  let position: EventPosition
  let queryDigest: UInt64

  init(position: EventPosition, query: EventQuery) {
    self.position = position
    self.queryDigest = query.digest
  }

  /// Reads a token of this very query.
  init(_ text: String, query: EventQuery) throws(AuditError) {
    guard let bytes = Self.bytes(text), bytes[0] == Self.version else {
      throw .invalid(.pageToken, reason: "is not a page token of this service")
    }
    position = EventPosition(
      timeMicroseconds: Int64(bitPattern: Self.integer(bytes[1..<9])),
      sequence: Int64(bitPattern: Self.integer(bytes[9..<17])))
    queryDigest = Self.integer(bytes[17..<25])
    guard queryDigest == query.digest else {
      throw .invalid(.pageToken, reason: "belongs to a list with other filters")
    }
    guard position.sequence > 0, position.timeMicroseconds >= 0 else {
      throw .invalid(.pageToken, reason: "is not a page token of this service")
    }
  }

  var text: String {
    var bytes: [UInt8] = [Self.version]
    for value in [
      UInt64(bitPattern: position.timeMicroseconds), UInt64(bitPattern: position.sequence),
      queryDigest,
    ] {
      withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
    return bytes.map { byte in
      let digits = String(byte, radix: 16)
      return byte < 16 ? "0" + digits : digits
    }.joined()
  }

  /// Lower-case hexadecimal only, so that one position has one text.
  private static func bytes(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count == byteCount * 2 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = nibble(digits[index]), let low = nibble(digits[index + 1]) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func nibble(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

extension EventQuery {
  /// FNV-1a over an unambiguous text of the query; stable across processes, unlike `hashValue`.
  fileprivate var digest: UInt64 {
    let action: String
    switch self.action {
    case nil: action = "any"
    case .exactly(let text): action = "exactly \(text)"
    case .startingWith(let text): action = "prefix \(text)"
    }
    let parts = [
      accountID.text, action, outcome.map { "\($0.rawValue)" } ?? "any",
      since.map { "\($0.microsecondsSince1970)" } ?? "always",
      until.map { "\($0.microsecondsSince1970)" } ?? "always",
    ]
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in parts.joined(separator: "\n").utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    return hash
  }
}
