import Callers
package import Edge
import HTTPTypes
package import Protobuf
package import RPC

/// The one place where outcomes of calls become HTTP statuses.
extension Problem {
  /// `Retry-After` of an answer that brings no delay of its own, in seconds.
  package static let retrySecondsDefault = 1

  package init(_ error: RPCError) {
    switch error.code {
    case .invalidArgument, .outOfRange:
      self.init(.badRequest, error.message, fields: error.fields)
    case .unauthenticated:
      self = .unauthenticated(error.message)
    case .permissionDenied: self.init(.forbidden, error.message)
    case .notFound: self.init(.notFound, error.message)
    case .alreadyExists: self.init(.conflict, error.message, fields: error.fields)
    case .aborted where error.isEtagMismatch: self.init(.preconditionFailed, error.message)
    case .aborted: self.init(.conflict, error.message)
    case .failedPrecondition:
      // A field that contradicts what is stored is bad input; without one the state is at fault.
      self.init(
        error.fields.isEmpty ? .conflict : .badRequest, error.message, fields: error.fields)
    case .resourceExhausted where error.isStorageFull:
      self.init(.insufficientStorage, error.message, headers: error.retryAfter)
    case .resourceExhausted:
      self.init(.tooManyRequests, error.message, headers: error.retryAfter)
    case .unavailable:
      self.init(
        .serviceUnavailable, "a service is not available right now", headers: error.retryAfter)
    case .deadlineExceeded:
      self.init(.gatewayTimeout, "a service did not answer in time")
    case .ok, .cancelled, .unknown, .unimplemented, .internal, .dataLoss:
      self.init(.internalServerError)
    }
    if status.kind == .serverError {
      logDetail = "\(error.code): \(error.message) \(error.detail ?? "")"
    }
  }

  package init(_ error: MessageError) {
    self.init(.badRequest, "\(error)")
    if let field = error.field {
      let detail =
        switch error {
        case .invalidField(_, let reason): reason
        case .unknownField: "is not a field of this request"
        default: "\(error)"
        }
      fields = [Field(name: field, detail: detail)]
    }
  }
}

extension RPCError {
  fileprivate var fields: [Problem.Field] {
    details.compactMap { detail in
      guard case .badRequest(let field, let description) = detail else { return nil }
      return Problem.Field(name: FieldMask.lowerCamel(field), detail: description)
    }
  }

  /// Whole seconds, rounded up.
  fileprivate var retryAfter: HTTPFields {
    let delays = details.compactMap { detail -> Duration? in
      guard case .retryInfo(let delay) = detail else { return nil }
      return delay
    }
    let seconds =
      delays.first.map { $0.components.seconds + ($0.components.attoseconds > 0 ? 1 : 0) }
      ?? Int64(Problem.retrySecondsDefault)
    return [.retryAfter: "\(max(seconds, 1))"]
  }
}

extension RPCError: ProblemConvertible {
  package var problem: Problem { Problem(self) }
}

extension MessageError: ProblemConvertible {
  package var problem: Problem { Problem(self) }
}
