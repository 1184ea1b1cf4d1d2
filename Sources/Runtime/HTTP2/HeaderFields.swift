internal import CNghttp2

/// Header fields to send: those that never change first, then those of this message.
package struct HeaderFields: Sendable {
  private struct Field: Sendable {
    let nameBytes: Int
    let valueBytes: Int
    let flags: UInt8
  }

  private let fixed: FixedHeaderFields?
  private var bytes: [UInt8] = []
  private var fields: [Field] = []

  package init(_ fixed: FixedHeaderFields? = nil) {
    self.fixed = fixed
  }

  /// Adds a field; `name` is lower-case.
  ///
  /// `isIndexed` lets HPACK remember the pair: not for secrets, nor for values that don't recur.
  package mutating func append(
    _ name: some Collection<UInt8>, _ value: some Collection<UInt8>, isIndexed: Bool = false
  ) {
    let start = bytes.count
    bytes.append(contentsOf: name)
    let middle = bytes.count
    bytes.append(contentsOf: value)
    fields.append(
      Field(
        nameBytes: middle - start, valueBytes: bytes.count - middle,
        flags: UInt8(
          truncatingIfNeeded: isIndexed
            ? NGHTTP2_NV_FLAG_NONE.rawValue : NGHTTP2_NV_FLAG_NO_INDEX.rawValue)))
  }

  package mutating func append(_ name: String, _ value: String, isIndexed: Bool = false) {
    append(name.utf8, value.utf8, isIndexed: isIndexed)
  }

  /// Gives `body` the fields as nghttp2 takes them; it copies what isn't fixed.
  func withNameValues<Result>(
    _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result
  ) -> Result {
    guard !fields.isEmpty else { return body(fixed?.start, fixed?.count ?? 0) }
    return bytes.withUnsafeBufferPointer { bytes in
      let fixedCount = fixed?.count ?? 0
      let count = fixedCount + fields.count
      return withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: count) { list in
        if let fixed, let start = list.baseAddress {
          start.initialize(from: fixed.start, count: fixedCount)
        }
        var cursor = UnsafeMutablePointer(mutating: bytes.baseAddress)
        for (index, field) in fields.enumerated() {
          let value = cursor.map { $0 + field.nameBytes }
          list.initializeElement(
            at: fixedCount + index,
            to: nghttp2_nv(
              name: cursor, value: value, namelen: field.nameBytes, valuelen: field.valueBytes,
              flags: field.flags))
          cursor = value.map { $0 + field.valueBytes }
        }
        return body(list.baseAddress, count)
      }
    }
  }
}
