import HTTPTypes
import Protobuf
import RPC

extension Problem {
  /// What the client is told of any error that a route throws.
  init(catching error: any Error) {
    switch error {
    case let problem as Problem: self = problem
    case let error as RPCError: self.init(error)
    case let error as MessageError: self.init(error)
    case is CancellationError:
      self.init(.internalServerError, logDetail: "the client went away")
    default:
      // The type's name only: a description may repeat a header or a body.
      self.init(.internalServerError, logDetail: "unexpected \(type(of: error))")
    }
  }
}
