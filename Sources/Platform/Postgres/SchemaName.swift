/// A schema's name that needs no quotes, so that it can stand in SQL text.
struct SchemaName: Sendable {
  /// PostgreSQL cuts longer names off.
  static let bytesMax = 63

  let text: String

  init(_ text: String) throws(PostgresMigrationError) {
    let isPlain = text.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    let isLetterFirst = text.utf8.first.map { $0 > UInt8(ascii: "9") } ?? false
    guard isPlain, isLetterFirst, text.utf8.count <= Self.bytesMax else {
      throw .invalidSchemaName
    }
    self.text = text
  }
}
