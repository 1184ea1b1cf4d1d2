internal import Glibc

extension UnsafeRawBufferPointer {
  /// Compares with a constant without making a `String`.
  package func isText(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount, let baseAddress else {
      return count == text.utf8CodeUnitCount
    }
    return memcmp(baseAddress, text.utf8Start, count) == 0
  }
}
