import COpenSSL

/// OpenSSL's error queue of this thread.
enum ErrorQueue {
  /// To be called before a call whose failure will be read: older errors must not answer for it.
  static func clear() {
    ERR_clear_error()
  }

  /// The reason of the oldest error, in OpenSSL's words; empties the queue.
  static func takeReason() -> String {
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0, let reason = ERR_reason_error_string(code) else { return "unknown error" }
    return String(cString: reason)
  }
}
