import Encodings
package import FoundationEssentials

/// Some elements of a list.
package struct Page<Element: Sendable>: Sendable {
  package let elements: [Element]
  /// Nil on the last page.
  package let nextPageToken: String?
}

extension Page: Equatable where Element: Equatable {}

/// What a reader asked for: how many, and from where on.
package struct PageRequest: Sendable, Hashable {
  /// Elements of one page, and how many come when the reader doesn't say.
  package static let elementsMax = 200
  package static let elementsDefault = 50

  package let limit: Int
  /// The place that the page begins behind; nil for the first.
  package let position: PagePosition?
  private let listDigest: UInt64

  /// Reads a request for a page of one list. `size` 0 means the default, an empty token the first
  /// page; `list` names the list and its filters, so that a token of another is refused.
  package init(size: Int, token: String, of list: String) throws(PageProblem) {
    guard (0...Self.elementsMax).contains(size) else { throw .size }
    limit = size == 0 ? Self.elementsDefault : size
    listDigest = list.stableDigest
    guard !token.isEmpty else {
      position = nil
      return
    }
    position = try PagePosition(token: token, listDigest: listDigest)
  }

  /// Makes a page of what was found. One more than `limit` must have been asked for: it tells
  /// whether there is a next page.
  package func page<Element>(
    of found: [Element], at position: (Element) -> PagePosition
  ) -> Page<Element> {
    guard found.count > limit, let last = found.prefix(limit).last else {
      return Page(elements: found, nextPageToken: nil)
    }
    return Page(
      elements: Array(found.prefix(limit)),
      nextPageToken: position(last).token(listDigest: listDigest))
  }
}

/// Why a page can't be read.
package enum PageProblem: Error, Sendable, Hashable {
  case size
  case token
  case tokenOfAnotherList

  package var reason: String {
    switch self {
    case .size: "must be 1 to \(PageRequest.elementsMax), or 0 for the default"
    case .token: "is not a page token of this service"
    case .tokenOfAnotherList: "belongs to a list with other filters"
    }
  }
}

/// A place in a list that is ordered by time: behind the element of that time and id.
///
/// As text it is opaque to callers. It is no secret and grants nothing, for every list is of its
/// reader's own things.
package struct PagePosition: Sendable, Hashable {
  /// Microseconds since 1970, from 0 up to the year 2200.
  package let timeMicroseconds: Int64
  /// Decides between elements of the same microsecond.
  package let id: UUID

  package init(time: Date, id: UUID) {
    let microseconds = (time.timeIntervalSince1970 * 1_000_000).rounded()
    timeMicroseconds = Int64(exactly: microseconds) ?? (microseconds < 0 ? .min : .max)
    self.id = id
  }

  /// For lists whose second order is a number.
  package init(timeMicroseconds: Int64, sequence: Int64) {
    self.timeMicroseconds = timeMicroseconds
    let bytes = UInt64(bitPattern: sequence).bigEndianBytes
    id = UUID(
      uuid: (
        0, 0, 0, 0, 0, 0, 0, 0, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5],
        bytes[6], bytes[7]
      ))
  }

  package var time: Date {
    Date(timeIntervalSince1970: Double(timeMicroseconds) / 1_000_000)
  }

  /// The number that it was made with.
  package var sequence: Int64 {
    Int64(bitPattern: id.octets[8...].reduce(0) { $0 << 8 | UInt64($1) })
  }

  // MARK: As text

  private static let format: UInt8 = 1
  private static let tokenBytes = 1 + 8 + 16 + 8
  private static let timesMicroseconds: Range<Int64> = 0..<7_258_118_400_000_000

  fileprivate func token(listDigest: UInt64) -> String {
    let time = UInt64(bitPattern: timeMicroseconds).bigEndianBytes
    return Base64.url.encode([Self.format] + time + id.octets + listDigest.bigEndianBytes)
  }

  fileprivate init(token: String, listDigest: UInt64) throws(PageProblem) {
    guard token.utf8.count <= Self.tokenBytes * 2, let bytes = Base64.url.decode(token),
      bytes.count == Self.tokenBytes, bytes[0] == Self.format
    else { throw .token }
    let microseconds = Int64(bitPattern: bytes[1..<9].reduce(0) { $0 << 8 | UInt64($1) })
    guard Self.timesMicroseconds.contains(microseconds) else { throw .token }
    guard bytes[25..<33].elementsEqual(listDigest.bigEndianBytes) else {
      throw .tokenOfAnotherList
    }
    timeMicroseconds = microseconds
    id = bytes[9..<25].withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }
}

extension String {
  /// FNV-1a: the same in every process, unlike `hashValue`.
  fileprivate var stableDigest: UInt64 {
    utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

extension UInt64 {
  fileprivate var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}

extension UUID {
  fileprivate var octets: [UInt8] { withUnsafeBytes(of: uuid) { Array($0) } }
}
