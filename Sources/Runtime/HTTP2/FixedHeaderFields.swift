internal import CNghttp2

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
