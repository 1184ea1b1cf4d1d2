import RPC

/// What a case found different from its description.
package struct InteropFailure: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// Throws unless the two are the same.
func expect<Value: Equatable>(
  _ what: String, _ actual: Value, is wanted: Value
) throws(InteropFailure) {
  guard actual == wanted else {
    throw InteropFailure("\(what) is \(actual), not \(wanted)")
  }
}

/// Throws unless the payload has the size that was asked for, all zeros.
func expect(_ payload: TestingAPI.Payload?, has byteCount: Int) throws(InteropFailure) {
  let payload = payload ?? TestingAPI.Payload()
  try expect("the payload's type", payload.type, is: .compressable)
  try expect("the payload's size", payload.body.count, is: byteCount)
  guard payload.body.allSatisfy({ $0 == 0 }) else {
    throw InteropFailure("the payload is not all zeros")
  }
}

/// Throws unless the call fails with the code, and with the message if there is one.
func expectFailure(
  _ code: RPCError.Code, _ message: String? = nil, of call: () async throws -> Void
) async throws {
  do {
    try await call()
  } catch let error as RPCError {
    try expect("the status", error.code, is: code)
    if let message { try expect("the status message", error.message, is: message) }
    return
  }
  throw InteropFailure("the call has succeeded, but should fail with \(code)")
}
