internal import CNghttp2

extension HTTP2Error {
  /// The meaning of a negative return value of nghttp2.
  init(library code: Int) {
    switch Int32(truncatingIfNeeded: code) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue: self = .badPreface
    case NGHTTP2_ERR_FLOODED.rawValue: self = .flooded
    case NGHTTP2_ERR_NOMEM.rawValue: self = .outOfMemory
    case NGHTTP2_ERR_SESSION_CLOSING.rawValue, NGHTTP2_ERR_STREAM_CLOSED.rawValue,
      NGHTTP2_ERR_STREAM_CLOSING.rawValue, NGHTTP2_ERR_INVALID_STREAM_ID.rawValue,
      NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE.rawValue:
      self = .closed
    default: self = .library(code: code)
    }
  }

  /// Throws what a return value of nghttp2 means, if it is a failure.
  static func check(_ code: Int32) throws(HTTP2Error) {
    guard code >= 0 else { throw HTTP2Error(library: Int(code)) }
  }
}
