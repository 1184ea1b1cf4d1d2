import CNghttp2

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

/// Header fields that are sent again and again: encoded once, never freed, not copied by nghttp2.
///
/// Make few, as constants: each lives as long as the process, since frames in flight point into it.
package final class FixedHeaderFields: @unchecked Sendable {
  // Sendable because nothing is written after `init`.
  let start: UnsafePointer<nghttp2_nv>
  let count: Int

  package init(_ fields: [(name: String, value: String)]) {
    let list = UnsafeMutablePointer<nghttp2_nv>.allocate(capacity: max(1, fields.count))
    let flags = NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue
    for (index, field) in fields.enumerated() {
      (list + index).initialize(
        to: nghttp2_nv(
          name: Self.immortal(field.name), value: Self.immortal(field.value),
          namelen: field.name.utf8.count, valuelen: field.value.utf8.count,
          flags: UInt8(truncatingIfNeeded: flags)))
    }
    start = UnsafePointer(list)
    count = fields.count
  }

  private static func immortal(_ text: String) -> UnsafeMutablePointer<UInt8> {
    let utf8 = Array(text.utf8)
    let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, utf8.count))
    copy.initialize(from: utf8, count: utf8.count)
    return copy
  }
}
