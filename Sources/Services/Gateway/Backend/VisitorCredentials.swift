import Callers
import Cryptography
import Identity
import RPC
import ServiceAPI
import Synchronization

/// What `auth` has signed for one credential, by what it is for.
struct Assertions: Sendable, Hashable {
  private var byPurpose: [AssertionPurpose: [UInt8]] = [:]
  /// Of an `auth` from before there were purposes: for everything.
  private var forAll: [UInt8]?

  init(_ answer: AuthAPI.AuthenticateResponse) {
    for signed in answer.assertions {
      guard let audience = (signed.purpose?.audience).flatMap({ AssertionAudience(rawValue: $0) }),
        let methods = (signed.purpose?.methods).flatMap({ MethodClass(rawValue: $0) })
      else { continue }
      byPurpose[AssertionPurpose(audience, methods)] = signed.assertion
    }
    if !answer.assertion.isEmpty { forAll = answer.assertion }
  }

  subscript(_ purpose: AssertionPurpose) -> [UInt8]? { byPurpose[purpose] ?? forAll }

  /// Puts what `fresh` has in place of what was there.
  mutating func take(_ fresh: Assertions) {
    byPurpose.merge(fresh.byPurpose) { $1 }
    forAll = fresh.forAll ?? forAll
  }
}

/// Proves to the services for whom the gateway calls: by the assertion for the service and the
/// class of the method, or, for what changes in `auth`, by the credential itself.
final class VisitorCredentials: CallCredentials {
  /// Has `auth` sign assertions for these purposes.
  typealias Ask = @Sendable ([AssertionPurpose]) async throws(RPCError) -> Assertions

  private let credential: Credential
  private let assertions: Mutex<Assertions>
  private let ask: Ask

  init(_ credential: Credential, _ assertions: Assertions, ask: @escaping Ask) {
    self.credential = credential
    self.assertions = Mutex(assertions)
    self.ask = ask
  }

  func metadata(for method: MethodDescriptor) async throws(RPCError) -> Metadata {
    let purpose = try Self.purpose(of: method)
    let isOwners = purpose.audience == .auth && purpose.methods != .read
    if let held = assertions.withLock({ $0[purpose] }) {
      // An `auth` from before takes this alone, and passes the other over.
      return proof(by: held, withCredential: isOwners)
    }
    if isOwners { return proof(by: nil, withCredential: true) }
    // Nobody foresaw this call.
    return proof(by: try await renew(purpose), withCredential: false)
  }

  func metadata(
    for method: MethodDescriptor, insteadOf refused: Metadata
  ) async throws(RPCError) -> Metadata? {
    guard refused.bytes(CallMetadata.credential) == nil else { return nil }
    return proof(by: try await renew(try Self.purpose(of: method)), withCredential: false)
  }

  private static func purpose(of method: MethodDescriptor) throws(RPCError) -> AssertionPurpose {
    guard let audience = AssertionAudience(serviceName: method.service) else {
      throw RPCError(.internal, "\(method.path) takes no assertions")
    }
    return AssertionPurpose(audience, MethodClass(methodName: method.method))
  }

  /// Keys are constants, and bytes can always be sent: nothing here can fail.
  private func proof(by assertion: [UInt8]?, withCredential: Bool) -> Metadata {
    var proof = Metadata()
    if let assertion { try? proof.append(assertion, forKey: CallMetadata.assertion) }
    if withCredential {
      let text = credential.text.withUnsafeBytes { Array($0) }
      try? proof.append(text, forKey: CallMetadata.credential)
    }
    return proof
  }

  /// Asks `auth`, whatever is held.
  private func renew(_ purpose: AssertionPurpose) async throws(RPCError) -> [UInt8] {
    let fresh = try await ask([purpose])
    guard let assertion = fresh[purpose] else {
      throw RPCError(.internal, "auth has signed nothing for \(purpose.audience)")
    }
    assertions.withLock { $0.take(fresh) }
    return assertion
  }
}
