/// Header blocks (RFC 7541) of requests, byte by byte, so that they can be wrong.
enum Request {
  typealias Field = (name: String, value: String)

  private static let common: [Field] = [
    (":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "127.0.0.1"),
  ]

  static let get = block(common)
  static let post = get(replacing: ":method", by: "POST")
  static let head = get(replacing: ":method", by: "HEAD")

  /// gRPC's clients get their answer at once, where others must end the request first.
  static let unknownCall = post(
    adding: ("content-type", "application/grpc"), ("te", "trailers"))

  /// Four such fields and the request exceed a frame of the standard size.
  private static let largeValueBytes = 4000

  /// A plain GET with more fields.
  static func get(adding fields: Field...) -> [UInt8] { block(common + fields) }

  static func post(adding fields: Field...) -> [UInt8] { post + block(fields) }

  static func get(replacing name: String, by value: String) -> [UInt8] {
    block(common.map { $0.name == name ? (name, value) : $0 })
  }

  static func get(without name: String) -> [UInt8] {
    block(common.filter { $0.name != name })
  }

  /// `:authority` goes into the dynamic table, so that a second block can refer to it.
  static let getIndexed: [UInt8] =
    [Static.get, Static.http, Static.root].map { indexed($0) }.reduce([], +)
    + [0x41] + string("127.0.0.1")
  static let getIndexedAgain = [Static.get, Static.http, Static.root, Static.count + 1]
    .map { indexed($0) }.reduce([], +)

  static func trailers(_ fields: Field...) -> [UInt8] { block(fields) }

  static func largeFields(_ count: Int) -> [UInt8] {
    block(
      (0..<count).map { ("x-large-\($0)", String(repeating: "x", count: largeValueBytes)) })
  }

  // MARK: HPACK

  /// Places in the static table (RFC 7541, A).
  enum Static {
    static let get = 2
    static let root = 4
    static let http = 6
    static let userAgent = 58
    static let count = 61
  }

  /// Representations of a literal (RFC 7541, 6.2), as the first octet's high bits.
  enum Literal: UInt8, CaseIterable {
    case indexing = 0x40
    case withoutIndexing = 0x00
    case neverIndexed = 0x10

    var prefixBits: Int { self == .indexing ? 6 : 4 }
  }

  static func block(_ fields: [Field]) -> [UInt8] {
    fields.flatMap { literal(.withoutIndexing, $0.name, $0.value) }
  }

  static func literal(_ kind: Literal, _ name: String, _ value: String) -> [UInt8] {
    [kind.rawValue] + string(name) + string(value)
  }

  static func literal(_ kind: Literal, name index: Int, _ value: String) -> [UInt8] {
    integer(index, prefixBits: kind.prefixBits, high: kind.rawValue) + string(value)
  }

  static func indexed(_ index: Int) -> [UInt8] { integer(index, prefixBits: 7, high: 0x80) }

  static func tableSize(_ bytes: Int) -> [UInt8] { integer(bytes, prefixBits: 5, high: 0x20) }

  private static func string(_ text: String) -> [UInt8] {
    integer(text.utf8.count, prefixBits: 7, high: 0) + Array(text.utf8)
  }

  /// RFC 7541, 5.1.
  private static func integer(_ number: Int, prefixBits: Int, high: UInt8) -> [UInt8] {
    let prefixMax = 1 << prefixBits - 1
    guard number >= prefixMax else { return [high | UInt8(number)] }
    var bytes = [high | UInt8(prefixMax)]
    var rest = number - prefixMax
    while rest >= 0x80 {
      bytes.append(0x80 | UInt8(rest & 0x7F))
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}
