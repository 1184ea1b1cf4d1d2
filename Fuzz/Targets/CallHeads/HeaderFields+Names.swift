import CNghttp2

@testable internal import HTTP2

extension HeaderFields {
  /// Hands every field to `body` as nghttp2 would get it.
  func forEach(_ body: (_ name: [UInt8], _ value: [UInt8]) -> Void) {
    withNameValues { list, count in
      for field in UnsafeBufferPointer(start: list, count: count) {
        body(
          Array(UnsafeBufferPointer(start: field.name, count: field.namelen)),
          Array(UnsafeBufferPointer(start: field.value, count: field.valuelen)))
      }
    }
  }
}
