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
