internal import COpenSSL

/// Comparison whose duration says nothing about where two values differ.
package enum ConstantTime {
  /// Whether both arrays have the same bytes; a difference in length is not hidden.
  package static func equals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.withUnsafeBytes { left in right.withUnsafeBytes { equals(left, $0) } }
  }

  /// Whether both buffers have the same bytes; a difference in length is not hidden.
  package static func equals(
    _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer
  )
    -> Bool
  {
    guard left.count == right.count else { return false }
    guard let left = left.baseAddress, let rightStart = right.baseAddress else { return true }
    return CRYPTO_memcmp(left, rightStart, right.count) == 0
  }
}
