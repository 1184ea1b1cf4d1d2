import Cryptography
import Encodings
import Protobuf

/// Why a passkey is not taken. Nothing in it is secret, and none of it goes to whoever brought it.
package enum WebAuthnError: Error, Hashable {
  case malformed(String)
  case unsupportedAlgorithm
  /// A registration where a log-in is wanted, or the reverse.
  case wrongType
  case wrongChallenge
  case wrongOrigin
  case wrongRelyingParty
  /// Nobody touched the authenticator.
  case userAbsent
  /// The authenticator did not make sure who touched it, and that is needed here.
  case userUnverified
  case wrongSignature
  /// The counter did not go on: somebody else may have a copy of the key.
  case counterWentBack
}

/// The portal, as passkeys know it (WebAuthn 2, section 7).
package struct RelyingParty: Sendable, Hashable {
  /// Longer client data is refused unread.
  package static let clientDataBytesMax = 4_096
  /// With certificates in a statement that nobody reads.
  package static let attestationBytesMax = 32_768

  /// The domain that passkeys belong to.
  package let id: String
  /// What people read when they make one.
  package let name: String
  /// `scheme://host[:port]`, lower case: where the portal's pages may be.
  package let origins: Set<String>

  package init(id: String, name: String, origins: Set<String>) {
    self.id = id
    self.name = name
    self.origins = origins
  }

  /// Checks a registration (WebAuthn 2, 7.1) and returns what is to be stored.
  ///
  /// The statement is not looked at: the portal asks for none, and some authenticators send one all
  /// the same. Which models people use is their own choice.
  package func registration(
    clientData: [UInt8], attestationObject: [UInt8], isChallenge: ([UInt8]) -> Bool
  ) throws(WebAuthnError) -> (data: AuthenticatorData, credential: AuthenticatorData.Credential) {
    try check(clientData, type: "webauthn.create", isChallenge: isChallenge)
    guard attestationObject.count <= Self.attestationBytesMax else {
      throw .malformed("an attestation object of \(attestationObject.count) bytes")
    }
    let object = try CBORReader.read(attestationObject)
    guard case .text(let format)? = object[.text("fmt")],
      case .map(let statement)? = object[.text("attStmt")],
      case .bytes(let bytes)? = object[.text("authData")],
      format != "none" || statement.isEmpty
    else { throw .malformed("an attestation object without its parts") }
    let data = try checked(bytes, requiresVerification: false)
    guard let credential = data.credential else { throw .malformed("no credential") }
    return (data, credential)
  }

  /// Checks that a credential was used just now (WebAuthn 2, 7.2).
  ///
  /// - Parameters:
  ///   - publicKey: As it was stored.
  ///   - signCount: As it was at the use before.
  package func assertion(
    clientData: [UInt8], authenticatorData: [UInt8], signature: [UInt8], publicKey: [UInt8],
    signCount: UInt32, requiresVerification: Bool, isChallenge: ([UInt8]) -> Bool
  ) throws(WebAuthnError) -> AuthenticatorData {
    try check(clientData, type: "webauthn.get", isChallenge: isChallenge)
    let data = try checked(authenticatorData, requiresVerification: requiresVerification)
    guard data.credential == nil else { throw .malformed("a new credential in a log-in") }
    let message = authenticatorData + SHA256Digest.hash(clientData)
    guard try COSEKey(publicKey).key.isValid(signature, for: message) else {
      throw .wrongSignature
    }
    guard data.signCount > signCount || (data.signCount == 0 && signCount == 0) else {
      throw .counterWentBack
    }
    return data
  }

  /// The challenge in client data, unchecked: to find what else belongs to it.
  package static func challenge(ofClientData bytes: [UInt8]) -> [UInt8]? {
    guard bytes.count <= clientDataBytesMax,
      case .object(let members)? = try? JSONParser.parse(bytes),
      case .string(let text)? = members.first(where: { $0.name == "challenge" })?.value
    else { return nil }
    return Base64.url.decode(text)
  }

  private func check(
    _ clientData: [UInt8], type: String, isChallenge: ([UInt8]) -> Bool
  ) throws(WebAuthnError) {
    guard clientData.count <= Self.clientDataBytesMax,
      case .object(let members)? = try? JSONParser.parse(clientData)
    else { throw .malformed("client data that is no JSON object") }
    func text(_ name: String) -> String? {
      guard case .string(let text)? = members.first(where: { $0.name == name })?.value else {
        return nil
      }
      return text
    }
    guard text("type") == type else { throw .wrongType }
    guard let challenge = text("challenge").flatMap({ Base64.url.decode($0) }),
      isChallenge(challenge)
    else { throw .wrongChallenge }
    guard let origin = text("origin"), origins.contains(origin) else { throw .wrongOrigin }
    // The portal is never in somebody else's frame.
    switch members.first(where: { $0.name == "crossOrigin" })?.value {
    case nil, .bool(false)?: break
    default: throw .wrongOrigin
    }
    guard !members.contains(where: { $0.name == "topOrigin" }) else { throw .wrongOrigin }
  }

  private func checked(
    _ bytes: [UInt8], requiresVerification: Bool
  ) throws(WebAuthnError) -> AuthenticatorData {
    let data = try AuthenticatorData(bytes)
    guard data.relyingPartyHash == SHA256Digest.hash(Array(id.utf8)) else {
      throw .wrongRelyingParty
    }
    guard data.isUserPresent else { throw .userAbsent }
    guard data.isUserVerified || !requiresVerification else { throw .userUnverified }
    return data
  }
}
