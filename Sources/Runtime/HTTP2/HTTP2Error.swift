import CNghttp2

/// A connection that can't go on, or a request to the engine that it refused.
package enum HTTP2Error: Error, Hashable {
  /// The client's first bytes were not the HTTP/2 preface (RFC 9113, 3.4).
  case badPreface
  /// The peer made more frames pile up than the limits allow.
  case flooded
  case outOfMemory
  /// The stream or the session no longer accepts what was submitted.
  case closed
  /// Any other code of nghttp2, which is negative.
  case library(code: Int)
}

extension HTTP2Error: CustomStringConvertible {
  package var description: String {
    switch self {
    case .badPreface: "the connection did not start with the HTTP/2 preface"
    case .flooded: "the peer flooded the connection"
    case .outOfMemory: "out of memory"
    case .closed: "the stream is closed"
    case .library(let code): "nghttp2 error \(code)"
    }
  }
}

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

/// Why a stream or a connection ended (RFC 9113, section 7).
package struct ErrorCode: RawRepresentable, Sendable, Hashable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let noError = ErrorCode(rawValue: 0x0)
  package static let protocolError = ErrorCode(rawValue: 0x1)
  package static let internalError = ErrorCode(rawValue: 0x2)
  package static let flowControlError = ErrorCode(rawValue: 0x3)
  package static let streamClosed = ErrorCode(rawValue: 0x5)
  package static let frameSizeError = ErrorCode(rawValue: 0x6)
  package static let refusedStream = ErrorCode(rawValue: 0x7)
  package static let cancel = ErrorCode(rawValue: 0x8)
  package static let enhanceYourCalm = ErrorCode(rawValue: 0xb)
  package static let http11Required = ErrorCode(rawValue: 0xd)
}
