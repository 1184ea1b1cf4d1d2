/// RFC 7541: representations that must be read, and such that can't be.
extension Rule {
  /// SETTINGS_HEADER_TABLE_SIZE of a server that says nothing about it.
  private static let tableBytesMax = 4096
  /// Huffman's "x-test" and "h2spec", "user-agent".
  private static let huffmanTest: [UInt8] = [0x85, 0xF2, 0xB2, 0x4A, 0x84, 0xFF]
  private static let huffmanAgent: [UInt8] = [0x87, 0xB5, 0x05, 0xB1, 0x61, 0xCC, 0x5A, 0x93]
  private static let huffmanValue: [UInt8] = [0x84, 0x9C, 0x48, 0xAC, 0xA4]

  static let hpackAccepted: [Rule] =
    [
      accepted("generic/5/1", "6.1", "an indexed field", Request.indexed(Request.Static.userAgent))
    ]
    + literals(.indexing, "6.2.1", "a literal with incremental indexing", first: 2)
    + literals(.withoutIndexing, "6.2.2", "a literal without indexing", first: 6)
    + literals(.neverIndexed, "6.2.3", "a literal that is never indexed", first: 10)
    + [
      acceptedBefore("generic/5/14", "6.3", "a table size update", Request.tableSize(128)),
      acceptedBefore(
        "generic/5/15", "4.2", "two table size updates",
        Request.tableSize(0) + Request.tableSize(tableBytesMax)),
      Rule(
        nil, "RFC 7541, 2.3.2", "a field of an earlier block is found in the dynamic table",
        [
          .send([.headers(1, Request.getIndexed, end: true)]), .expect(.wholeResponse(1)),
          .send([.headers(3, Request.getIndexedAgain, end: true)]), .expect(.wholeResponse(3)),
        ]),
    ]

  static let hpackRefused: [Rule] = [
    refused("hpack/2.3.3/1", "2.3.3", "an index beyond both tables", Request.indexed(70)),
    refused(
      "hpack/2.3.3/2", "2.3.3", "a literal whose name's index is beyond both tables",
      Request.literal(.indexing, name: 70, "")),
    refused(
      "hpack/4.2/1", "4.2", "a table size update at the end of a block", Request.tableSize(1)),
    refused(
      "hpack/5.2/1", "5.2", "Huffman padding of more than 7 bits",
      [0] + huffmanTest + [0x84, 0x49, 0x50, 0x9F, 0xFF]),
    refused(
      "hpack/5.2/2", "5.2", "Huffman padding of zeros",
      [0] + huffmanTest + [0x83, 0x49, 0x50, 0x90]),
    refused(
      "hpack/5.2/3", "5.2", "Huffman's end-of-string symbol inside a string",
      [0] + huffmanTest + [0x87, 0xFF, 0xFF, 0xFF, 0xFD, 0x25, 0x42, 0x7F]),
    refused("hpack/6.1/1", "6.1", "the index 0", Request.indexed(0)),
    Rule(
      "hpack/6.3/1", "RFC 7541, 6.3", "a table size update above the limit is COMPRESSION_ERROR",
      [.headers(1, Request.tableSize(tableBytesMax + 1) + Request.get, end: true)],
      .connectionError(.compressionError)),
  ]

  private static func accepted(
    _ h2spec: String, _ section: String, _ words: String, _ field: [UInt8]
  ) -> Rule {
    Rule(
      h2spec, "RFC 7541, \(section)", "\(words) is accepted",
      [.headers(1, Request.get + field, end: true)], .response(1))
  }

  private static func acceptedBefore(
    _ h2spec: String, _ section: String, _ words: String, _ update: [UInt8]
  ) -> Rule {
    Rule(
      h2spec, "RFC 7541, \(section)", "\(words) before the fields is accepted",
      [.headers(1, update + Request.get, end: true)], .response(1))
  }

  /// Names that other blocks know and new ones, plain and in Huffman's code.
  private static func literals(
    _ kind: Request.Literal, _ section: String, _ words: String, first number: Int
  ) -> [Rule] {
    let high = [kind.rawValue]
    let fields: [(String, [UInt8])] = [
      ("known name", Request.literal(kind, name: Request.Static.userAgent, "h2spec")),
      ("known name, Huffman", high + huffmanAgent + huffmanValue),
      ("new name", Request.literal(kind, "x-test", "h2spec")),
      ("new name, Huffman", high + huffmanTest + huffmanValue),
    ]
    return fields.enumerated().map { index, field in
      accepted("generic/5/\(number + index)", section, "\(words) (\(field.0))", field.1)
    }
  }

  private static func refused(
    _ h2spec: String, _ section: String, _ words: String, _ field: [UInt8]
  ) -> Rule {
    Rule(
      h2spec, "RFC 7541, \(section)", "\(words) is COMPRESSION_ERROR",
      [.headers(1, Request.get + field, end: true)], .connectionError(.compressionError))
  }
}
