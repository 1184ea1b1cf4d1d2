import Encodings
import Glibc

extension Metadata {
  /// Fields of HTTP/2 and gRPC themselves, which are not the call's metadata.
  private static let protocolFields: [StaticString] = [
    "te", "content-type", "user-agent", "content-length", "host", "connection", "accept-encoding",
  ]

  /// Adds a received header field, if it is metadata.
  ///
  /// Pseudo-fields, the protocol's own fields and text outside visible ASCII are skipped. A `-bin`
  /// field that is not base64 throws INTERNAL. Its values may be joined by commas.
  package mutating func appendField(
    name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
  ) throws(RPCError) {
    guard let first = name.first, first != UInt8(ascii: ":"), !Self.isProtocolField(name),
      // Neither text nor bytes: gRPC wants a name in front of the suffix.
      !name.elementsEqual("-bin".utf8)
    else {
      return
    }
    guard Self.isBinary(name) else {
      if value.allSatisfy(Self.isVisible) { store(name, value) }
      return
    }
    for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      let digits = UnsafeRawBufferPointer(rebasing: part)
      guard let bytes = Base64.standard.decode(digits, padding: .optional) else {
        throw RPCError(.internal, "a binary metadata value is not base64")
      }
      store(name, bytes)
    }
  }

  private static func isProtocolField(_ name: UnsafeRawBufferPointer) -> Bool {
    if name.starts(with: "grpc-".utf8) {
      // What both ends of a retry say to each other is for those who retry and who are retried.
      return !name.elementsEqual(RetryPushback.key.utf8)
        && !name.elementsEqual(RetryInterceptor.previousAttemptsKey.utf8)
    }
    return protocolFields.contains { name.isText($0) }
  }

  /// Hands every pair to `body` as header fields: binary values in base64 without padding.
  package func forEachField(
    _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
  ) {
    forEach { key, value in
      guard Self.isBinary(key) else { return body(key, value) }
      Base64.standard.digits(of: value).withUnsafeBytes { body(key, $0) }
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Compares with a constant without making a `String`.
  package func isText(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount, let baseAddress else {
      return count == text.utf8CodeUnitCount
    }
    return memcmp(baseAddress, text.utf8Start, count) == 0
  }
}
