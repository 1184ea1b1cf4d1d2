import COpenSSL

/// OpenSSL's error queue of this thread.
package enum ErrorQueue {
  /// To be called before a call whose failure will be read: older errors must not answer for it.
  package static func clear() {
    ERR_clear_error()
  }

  /// The reason of the oldest error, in OpenSSL's words; empties the queue.
  package static func takeReason() -> String {
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0, let reason = ERR_reason_error_string(code) else { return "unknown error" }
    return String(cString: reason)
  }
}

/// OpenSSL refused an operation that does not depend on a peer's input.
package struct OpenSSLError: Error, Hashable, CustomStringConvertible {
  package let operation: String
  package let reason: String

  package init(operation: String, reason: String) {
    self.operation = operation
    self.reason = reason
  }

  /// Takes the reason from the error queue.
  package init(_ operation: String) {
    self.init(operation: operation, reason: ErrorQueue.takeReason())
  }

  package var description: String { "\(operation): \(reason)" }

  /// Most of OpenSSL's functions return 1 for success.
  static func check(_ result: Int32, _ operation: String) throws(OpenSSLError) {
    guard result == 1 else { throw OpenSSLError(operation) }
  }
}

/// OpenSSL's stream over memory, for reading and writing PEM text; freeing it wipes what was
/// written.
struct MemoryBIO: ~Copyable {
  let pointer: OpaquePointer

  /// An empty stream to write to.
  init() throws(OpenSSLError) {
    ErrorQueue.clear()
    guard let pointer = BIO_new(BIO_s_mem()) else { throw OpenSSLError("memory stream") }
    self.pointer = pointer
  }

  /// Reads from `bytes`, which must outlive the stream.
  init(reading bytes: UnsafeRawBufferPointer) throws(OpenSSLError) {
    ErrorQueue.clear()
    guard let count = Int32(exactly: bytes.count),
      let pointer = BIO_new_mem_buf(bytes.baseAddress, count)
    else { throw OpenSSLError("memory stream") }
    self.pointer = pointer
  }

  deinit {
    BIO_free(pointer)
  }

  /// Hands over what was written; it is wiped with the stream.
  func withContents<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var start: UnsafeMutablePointer<UInt8>?
    let count = BIO_ctrl(pointer, BIO_CTRL_INFO, 0, &start)
    return body(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : max(0, count)))
  }
}
