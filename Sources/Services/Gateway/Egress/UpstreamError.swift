import NIOCore
import NIOHTTP1
import NIOPosix
package import TLS

/// Why there is no answer of a provider, or only a part of one.
package enum UpstreamError: Error {
  /// Too many connections to this endpoint, or at all, are in use.
  case tooManyConnections
  case connectTimeout
  /// There is no connection; the reason is the system's, about addresses that the user chose.
  case connectFailed(String)
  /// The connection is not trusted: above all the certificate.
  case untrusted(TLSError)
  /// The operator's proxy for outgoing connections refused or couldn't be reached.
  case proxyFailed(String)
  /// The provider closed the connection before it said anything.
  case closedBeforeAnswer
  /// The provider says that it did nothing with the request (RFC 9113, 8.7).
  case refused
  /// The provider wants this by HTTP/1.1 (RFC 9113, 7).
  case needsHTTP1
  case answerTimeout
  /// The answer ended before it was complete.
  case brokenOff
  /// The task was cancelled.
  case cancelled
  /// Somebody else than the task gave the request up.
  case stopped
  case requestTooLarge
  /// The client's body ended early, for this reason.
  case request(any Error)
  /// What would be sent can't be HTTP; the text names the part, never its value.
  case malformedRequest(String)
  /// A header field of the answer, of this name, is not UTF-8: it could only be passed on as
  /// something else.
  case unreadableField(String)
  /// What came is not HTTP; the text is for the operator.
  case malformedAnswer(String)

  /// The kinds of errors that a channel tells of once it is connected.
  init(onConnection error: any Error) {
    switch error {
    case let error as UpstreamError: self = error
    case let error as HTTPParserError: self = .malformedAnswer("\(error)")
    // The end of the stream in the middle of a message.
    case is CancellationError: self = .cancelled
    default: self = .closedBeforeAnswer
    }
  }

  /// Those of a channel that is being connected.
  init(connecting error: any Error) {
    switch error {
    case let error as UpstreamError: self = error
    case let error as TLSError: self = .untrusted(error)
    case ChannelError.connectTimeout: self = .connectTimeout
    case let error as NIOConnectionError:
      // Happy eyeballs: the first that failed says most.
      self =
        error.connectionErrors.first.map { UpstreamError(connecting: $0.error) }
        ?? .connectFailed("no address could be reached")
    case let error as IOError: self = .connectFailed(error.reason)
    case ChannelError.eof, ChannelError.ioOnClosedChannel: self = .connectFailed("closed")
    default: self = .connectFailed("\(type(of: error))")
    }
  }
}

extension IOError {
  /// The system's words for the error's number.
  fileprivate var reason: String {
    String(cString: strerror(errnoCode))
  }
}
