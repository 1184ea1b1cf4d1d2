import Auth
import Callers
import FoundationEssentials
import Identity

/// Signs assertions for every service that takes them.
struct SignedAssertionIssuer: AssertionIssuer {
  /// Long enough for one request and what it causes; short, because it can't be revoked.
  static let lifetime: Duration = .seconds(60)

  let signer: AssertionSigner

  func issue(
    for caller: Caller, purpose: AssertionPurpose?, holder: AssertionHolder?, at now: Date
  ) throws(AuthError) -> IssuedAssertion {
    do {
      let signed = try signer.sign(
        caller, audience: purpose.map { [$0.audience] } ?? Set(AssertionAudience.allCases),
        methods: purpose?.methods, holder: holder, lifetime: Self.lifetime, at: now)
      return IssuedAssertion(
        bytes: signed.bytes, expireTime: signed.expireTime, purpose: purpose)
    } catch {
      throw .engine(detail: "assertion: \(error)")
    }
  }
}
