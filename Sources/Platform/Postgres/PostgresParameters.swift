/// The bound values of a query, back to back in one buffer.
struct PostgresParameters: Sendable {
  private(set) var buffer = PostgresBuffer()
  private(set) var types: [UInt32] = []
  /// Where each value ends in `buffer`; -1 for NULL.
  private(set) var ends: [Int] = []

  var count: Int { types.count }

  mutating func append<Value: PostgresEncodable>(_ value: Value) {
    value.encode(into: &buffer)
    types.append(Value.postgresType.rawValue)
    ends.append(buffer.bytes.count)
  }

  mutating func appendNull(_ type: PostgresType) {
    types.append(type.rawValue)
    ends.append(-1)
  }

  mutating func append(contentsOf more: PostgresParameters) {
    let shift = buffer.bytes.count
    buffer.append(contentsOf: more.buffer.bytes)
    types += more.types
    ends += more.ends.map { $0 < 0 ? -1 : $0 + shift }
  }
}
