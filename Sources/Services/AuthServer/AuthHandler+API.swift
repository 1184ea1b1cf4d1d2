import Auth
import Callers
import Cryptography
import Encodings
import Identity
import Protobuf
import RPC
import ServiceAPI
import WebAuthn

/// Passkeys, between the messages of the API and the use cases.
extension AuthHandler {
  func beginPasskey(
    _ request: AuthAPI.BeginPasskeyRequest, context: ServerContext
  ) async throws -> AuthAPI.PasskeyCreationOptions {
    let (challenge, account) = try await accounts.beginPasskey(
      for: context.caller(), from: context.origin)
    return AuthAPI.PasskeyCreationOptions(challenge, account)
  }

  func createPasskey(
    _ request: AuthAPI.CreatePasskeyRequest, context: ServerContext
  ) async throws -> AuthAPI.CreatePasskeyResponse {
    let added = try await accounts.createPasskey(
      name: request.name, clientData: request.clientData,
      attestationObject: request.attestationObject, for: context.caller(), from: context.origin)
    return AuthAPI.CreatePasskeyResponse(
      passkey: AuthAPI.Passkey(added.passkey), recoveryCodes: added.recoveryCodes)
  }

  func listPasskeys(
    _ request: AuthAPI.ListPasskeysRequest, context: ServerContext
  ) async throws -> AuthAPI.ListPasskeysResponse {
    let passkeys = try await accounts.passkeys(of: context.caller(), from: context.origin)
    return AuthAPI.ListPasskeysResponse(passkeys: passkeys.map { AuthAPI.Passkey($0) })
  }

  func renamePasskey(
    _ request: AuthAPI.RenamePasskeyRequest, context: ServerContext
  ) async throws -> AuthAPI.Passkey {
    AuthAPI.Passkey(
      try await accounts.renamePasskey(
        request.id, to: request.name, for: context.caller(), from: context.origin))
  }

  func deletePasskey(
    _ request: AuthAPI.DeletePasskeyRequest, context: ServerContext
  ) async throws -> Empty {
    try await accounts.deletePasskey(request.id, for: context.caller(), from: context.origin)
    return Empty()
  }

  func beginPasskeyLogIn(
    _ request: AuthAPI.BeginPasskeyLogInRequest, context: ServerContext
  ) async throws -> AuthAPI.PasskeyRequestOptions {
    let isAlone = request.secondFactorToken.isEmpty
    let challenge = try await auth.beginPasskeyLogIn(
      token: SecretBytes(utf8: request.secondFactorToken), from: context.origin)
    return AuthAPI.PasskeyRequestOptions(challenge, requiresVerification: isAlone)
  }

  func beginPasskeyConfirmation(
    _ request: AuthAPI.BeginPasskeyConfirmationRequest, context: ServerContext
  ) async throws -> AuthAPI.PasskeyRequestOptions {
    let challenge = try await accounts.beginConfirmation(
      for: context.caller(), from: context.origin)
    return AuthAPI.PasskeyRequestOptions(challenge, requiresVerification: true)
  }

  func rotateSession(
    _ request: AuthAPI.RotateSessionRequest, context: ServerContext
  ) async throws -> AuthAPI.RotateSessionResponse {
    let rotated = try await accounts.rotateSession(of: context.caller(), from: context.origin)
    return AuthAPI.RotateSessionResponse(
      sessionToken: rotated.token.text.withUTF8String { $0 },
      expireTime: Timestamp(rotated.expireTime))
  }

  func createPasskeySession(
    _ request: AuthAPI.CreatePasskeySessionRequest, context: ServerContext
  ) async throws -> AuthAPI.CreateSessionResponse {
    let started = try await auth.createSession(
      by: PasskeyAssertion(request.passkey ?? AuthAPI.PasskeyAssertion()),
      deviceToken: request.deviceToken, from: context.origin)
    return AuthAPI.CreateSessionResponse(started)
  }
}

extension PasskeyAssertion {
  init(_ assertion: AuthAPI.PasskeyAssertion) {
    self.init(
      credentialID: assertion.credentialId, clientData: assertion.clientData,
      authenticatorData: assertion.authenticatorData, signature: assertion.signature,
      userHandle: assertion.userHandle)
  }
}

extension AuthAPI.Passkey {
  init(_ passkey: Passkey) {
    self.init(
      id: passkey.id.text, name: passkey.name.text, createTime: Timestamp(passkey.createTime),
      lastUseTime: passkey.lastUseTime.map { Timestamp($0) }, isSynced: passkey.isBackedUp)
  }
}

extension AuthAPI.PasskeyCreationOptions {
  /// User verification is wanted and not demanded: a key without is a second factor still.
  init(_ challenge: PasskeyChallenge, _ account: Account) {
    let party = challenge.relyingParty
    let name = account.displayName.text
    self.init(
      rp: RelyingParty(id: party.id, name: party.name),
      user: User(
        id: Base64.url.encode(Passkeys.handle(of: account.id)), name: account.email.text,
        displayName: name.isEmpty ? account.email.text : name),
      challenge: Base64.url.encode(challenge.challenge),
      pubKeyCredParams: COSEKey.algorithms.map {
        Parameters(type: "public-key", alg: Int32(clamping: $0))
      },
      timeout: PasskeyChallenges.timeoutMilliseconds,
      excludeCredentials: challenge.credentialIDs.map { AuthAPI.PasskeyDescriptor($0) },
      authenticatorSelection: Selection(residentKey: "preferred", userVerification: "preferred"),
      attestation: "none")
  }
}

extension AuthAPI.PasskeyRequestOptions {
  init(_ challenge: PasskeyChallenge, requiresVerification: Bool) {
    self.init(
      challenge: Base64.url.encode(challenge.challenge), rpId: challenge.relyingParty.id,
      timeout: PasskeyChallenges.timeoutMilliseconds,
      allowCredentials: challenge.credentialIDs.map { AuthAPI.PasskeyDescriptor($0) },
      userVerification: requiresVerification ? "required" : "discouraged")
  }
}

extension AuthAPI.PasskeyDescriptor {
  fileprivate init(_ credentialID: [UInt8]) {
    self.init(id: Base64.url.encode(credentialID), type: "public-key")
  }
}

extension PasskeyChallenges {
  fileprivate static var timeoutMilliseconds: Int32 {
    Int32(clamping: lifetime.components.seconds * 1_000)
  }
}
