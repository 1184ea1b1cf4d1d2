package import RPC

/// Why an assertion was refused: told to the operator's log, never to the caller.
package enum AssertionError: Error, Hashable, CaseIterable {
  case malformed
  case unknownKey
  case badSignature
  case expired
  case notYetValid
  case wrongAudience
}

extension AssertionError: RPCErrorConvertible {
  package var rpcError: RPCError {
    RPCError(.unauthenticated, "the assertion is not valid", detail: "assertion: \(self)")
  }
}
