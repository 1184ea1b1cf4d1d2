import Cryptography
import Encodings
import FoundationEssentials
import Protobuf

/// Who a provider says has logged in (OpenID Connect Core 1.0, 2).
package struct IdentityClaims: Sendable, Hashable {
  package let issuer: String
  /// Names the person at the provider; never another's.
  package let subject: String
  package let email: String?
  /// Whether the provider has seen that mail to the address reaches the person.
  package let isEmailVerified: Bool
  package let name: String?
}

/// An identity token: a JSON Web Signature in its compact form (RFC 7515, 7.1).
struct IdentityToken {
  /// Longer ones are refused unread.
  static let textBytesMax = 16 << 10
  /// Clocks may differ by this.
  static let leewaySeconds: Int64 = 60
  /// A token that was made longer ago is not this log-in's.
  static let ageSecondsMax: Int64 = 600
  /// OpenID Connect Core 1.0, 2.
  static let subjectBytesMax = 255

  let algorithm: SignatureKey.Algorithm
  let keyID: String?
  private let claims: JSONValue
  private let signed: [UInt8]
  private let signature: [UInt8]

  /// Reads it and believes nothing yet. Only RS256 and ES256 are algorithms: neither `none` nor a
  /// secret that anybody could make of a public key.
  init(_ text: String) throws(OpenIDError) {
    guard text.utf8.count <= Self.textBytesMax else { throw .malformed("a token that is too long") }
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    guard parts.count == 3,
      let head = Base64.url.decode(parts[0]).flatMap({ try? JSONParser.parse($0) }),
      let claims = Base64.url.decode(parts[1]).flatMap({ try? JSONParser.parse($0) }),
      let signature = Base64.url.decode(parts[2])
    else { throw .malformed("a token that is no JSON Web Signature") }
    switch head.string("alg") {
    case "RS256"?: algorithm = .rs256
    case "ES256"?: algorithm = .es256
    default: throw .refused("a token of another algorithm than RS256 and ES256")
    }
    // What a header says must be understood is not (RFC 7515, 4.1.11).
    guard head["crit"] == nil else { throw .refused("a token with critical headers") }
    keyID = head.string("kid")
    self.claims = claims
    self.signature = signature
    signed = Array("\(parts[0]).\(parts[1])".utf8)
  }

  /// Checks the signature first, then what it says (OpenID Connect Core 1.0, 3.1.3.7).
  func verified(
    by key: SignatureKey, issuer: String, clientID: String, nonce: String, at now: Date
  ) throws(OpenIDError) -> IdentityClaims {
    guard key.algorithm == algorithm, key.isValid(joseSignature: signature, for: signed) else {
      throw .refused("a token with a wrong signature")
    }
    guard claims.string("iss") == issuer else { throw .refused("a token of another issuer") }
    try checkAudience(clientID)
    try checkTimes(Int64(exactly: now.timeIntervalSince1970.rounded(.down)) ?? 0)
    guard let said = claims.string("nonce"),
      ConstantTime.equals(Array(said.utf8), Array(nonce.utf8))
    else { throw .refused("a token of another log-in") }
    guard let subject = claims.string("sub"),
      (1...Self.subjectBytesMax).contains(subject.utf8.count)
    else { throw .malformed("a token without a subject") }
    // Some providers write a boolean as text.
    let isVerified =
      claims["email_verified"] == .bool(true) || claims["email_verified"] == .string("true")
    return IdentityClaims(
      issuer: issuer, subject: subject, email: claims.string("email"),
      isEmailVerified: isVerified, name: claims.string("name"))
  }

  private func checkAudience(_ clientID: String) throws(OpenIDError) {
    let party = claims["azp"]
    switch claims["aud"] {
    case .string(clientID)?: break
    case .array(let audience)? where audience.contains(.string(clientID)):
      guard audience.count == 1 || party != nil else {
        throw .refused("a token for others too")
      }
    default: throw .refused("a token for another client")
    }
    guard party == nil || party == .string(clientID) else {
      throw .refused("a token that another client has asked for")
    }
  }

  private func checkTimes(_ now: Int64) throws(OpenIDError) {
    let (late, early) = (now - Self.leewaySeconds, now + Self.leewaySeconds)
    guard let end = claims.seconds("exp"), let begin = claims.seconds("iat") else {
      throw .malformed("a token without times")
    }
    guard end > late else { throw .refused("a token that is over") }
    guard begin <= early, begin > late - Self.ageSecondsMax else {
      throw .refused("a token of another time")
    }
    if let start = claims.seconds("nbf"), start > early {
      throw .refused("a token that doesn't count yet")
    }
  }
}
