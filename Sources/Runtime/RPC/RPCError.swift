/// The failure of a call: a gRPC status that is not OK.
///
/// `message` goes to the peer; `detail` stays in this process, for the operator's log.
package struct RPCError: Error, Sendable {
  /// The status codes of gRPC, by their wire number.
  package enum Code: Int, Sendable, Hashable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16
  }

  package var code: Code
  package var message: String
  /// Machine-readable details, sent as `google.rpc.Status` in `grpc-status-details-bin`.
  package var details: [ErrorDetail]
  /// Metadata that comes with the status.
  package var metadata: Metadata
  /// For the log of this process only.
  package var detail: String?

  package init(
    _ code: Code, _ message: String, details: [ErrorDetail] = [],
    metadata: Metadata = Metadata(), detail: String? = nil
  ) {
    self.code = code
    self.message = message
    self.details = details
    self.metadata = metadata
    self.detail = detail
  }
}

/// The details of `google.rpc` that Chatelaine's services send.
package enum ErrorDetail: Sendable, Hashable {
  /// `google.rpc.BadRequest`: which request field is wrong and why.
  case badRequest(field: String, description: String)
  /// `google.rpc.RetryInfo`: how long to wait before trying again.
  case retryInfo(delay: Duration)
  /// `google.rpc.ErrorInfo`: a stable reason in UPPER_SNAKE_CASE.
  case errorInfo(reason: String, domain: String)
}

/// An error of a service's domain that knows its gRPC code and what the caller may read.
package protocol RPCErrorConvertible: Error {
  var rpcError: RPCError { get }
}

extension RPCError: RPCErrorConvertible {
  package var rpcError: RPCError { self }
}
