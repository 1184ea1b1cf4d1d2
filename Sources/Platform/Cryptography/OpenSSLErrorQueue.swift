internal import COpenSSL

/// OpenSSL's error queue of the current thread.
enum OpenSSLErrorQueue {
  private static let reasonBytesMax = 256

  /// Forgets older failures, so that the next one read is the one that just happened.
  static func clear() {
    ERR_clear_error()
  }

  /// Takes the oldest queued failure as an error of `operation`, and empties the queue.
  static func takeError(_ operation: String) -> CryptographyError {
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0 else { return .engine(operation: operation, reason: "no reason given") }
    let reason = withUnsafeTemporaryAllocation(of: CChar.self, capacity: reasonBytesMax) { buffer in
      guard let start = buffer.baseAddress else { return "" }
      ERR_error_string_n(code, start, buffer.count)
      return String(cString: start)
    }
    return .engine(operation: operation, reason: reason)
  }
}
