import Cryptography
import Encodings
import TestSupport
import Testing

@testable import WebAuthn

/// What is taken from a browser, and what is not.
@Suite struct RelyingPartyTests {
  private let party = RelyingParty(
    id: "keys.example.com", name: "Chatelaine", origins: ["https://keys.example.com"])
  private let challenge: [UInt8] = Array(1...40)

  private func register(
    _ device: SoftAuthenticator, _ answer: SoftAuthenticator.Answer = .registration
  ) throws -> AuthenticatorData.Credential {
    let made = try device.register(challenge, answer)
    return try party.registration(
      clientData: made.clientData, attestationObject: made.attestationObject
    ) { $0 == challenge }.credential
  }

  /// Why a use is refused; nil when it is taken.
  private func refusal(
    _ device: SoftAuthenticator, _ answer: SoftAuthenticator.Answer = .use, stored: UInt32 = 0,
    publicKey: [UInt8]? = nil, challenge: [UInt8]? = nil, requiresVerification: Bool = true
  ) throws -> WebAuthnError? {
    let used = try device.use(challenge ?? self.challenge, answer)
    let key = try publicKey ?? device.publicKey
    do throws(WebAuthnError) {
      _ = try party.assertion(
        clientData: used.clientData, authenticatorData: used.authenticatorData,
        signature: used.signature, publicKey: key, signCount: stored,
        requiresVerification: requiresVerification
      ) { $0 == self.challenge }
      return nil
    } catch {
      return error
    }
  }

  private func with(
    _ change: (inout SoftAuthenticator.Answer) -> Void
  ) -> SoftAuthenticator.Answer {
    var answer = SoftAuthenticator.Answer.use
    change(&answer)
    return answer
  }

  @Test(arguments: SoftAuthenticator.Algorithm.allCases)
  func aPasskeyOfEachAlgorithmIsMadeAndUsed(algorithm: SoftAuthenticator.Algorithm) throws {
    let device = try SoftAuthenticator(algorithm)
    let credential = try register(device)
    #expect(credential.id == device.credentialID)
    #expect(credential.publicKey == (try device.publicKey))
    #expect(try refusal(device, publicKey: credential.publicKey) == nil)
  }

  @Test func nothingElseThanOnesOwnUseOfOnesOwnKeyIsTaken() throws {
    let device = try SoftAuthenticator()
    let other = try SoftAuthenticator()
    #expect(try refusal(device, publicKey: other.publicKey) == .wrongSignature)
    #expect(try refusal(device, challenge: [1, 2, 3]) == .wrongChallenge)
    #expect(try refusal(device, with { $0.type = "webauthn.create" }) == .wrongType)
    for origin in [
      "https://keys.example.com.evil.example", "http://keys.example.com",
      "https://keys.example.com:8443", "https://evil.keys.example.com", "null",
    ] {
      #expect(try refusal(device, with { $0.origin = origin }) == .wrongOrigin, "\(origin)")
    }
    #expect(
      try refusal(device, with { $0.relyingParty = "example.com" }) == .wrongRelyingParty)
    #expect(
      try refusal(device, with { $0.moreClientData = #","crossOrigin":true"# }) == .wrongOrigin)
    #expect(
      try refusal(device, with { $0.moreClientData = #","topOrigin":"https://a.example""# })
        == .wrongOrigin)
    // A second member of a name would let two readers disagree.
    #expect(
      try refusal(
        device, with { $0.moreClientData = #","origin":"https://keys.example.com""# })
        == .malformed("client data that is no JSON object"))
    #expect(try refusal(device, with { $0.flags = 0x04 }) == .userAbsent)
    #expect(try refusal(device, with { $0.flags = 0x01 }) == .userUnverified)
    #expect(
      try refusal(device, with { $0.flags = 0x01 }, requiresVerification: false) == nil)
    // Backed up, and not to be backed up.
    #expect(
      try refusal(device, with { $0.flags = 0x15 })
        == .malformed("a credential that is backed up and may not be"))
  }

  @Test func theCounterNeverGoesBackOnceItCounts() throws {
    let device = try SoftAuthenticator()
    #expect(try refusal(device, with { $0.signCount = 8 }, stored: 7) == nil)
    #expect(try refusal(device, with { $0.signCount = 7 }, stored: 7) == .counterWentBack)
    #expect(try refusal(device, with { $0.signCount = 0 }, stored: 7) == .counterWentBack)
    #expect(try refusal(device, with { $0.signCount = .max }, stored: .max - 1) == nil)
    #expect(try refusal(device) == nil)
  }

  @Test func noTruncatedAnswerIsTakenAndNoneTraps() throws {
    let device = try SoftAuthenticator(.rs256)
    let made = try device.register(challenge)
    for count in 0..<made.attestationObject.count {
      #expect(throws: WebAuthnError.self) {
        try party.registration(
          clientData: made.clientData,
          attestationObject: Array(made.attestationObject.prefix(count))
        ) { _ in true }
      }
    }
    let used = try device.use(challenge)
    for count in 0..<used.authenticatorData.count {
      #expect(throws: WebAuthnError.self) {
        try party.assertion(
          clientData: used.clientData,
          authenticatorData: Array(used.authenticatorData.prefix(count)),
          signature: used.signature, publicKey: try device.publicKey, signCount: 0,
          requiresVerification: true
        ) { _ in true }
      }
    }
    for count in [0, 1, used.signature.count - 1] {
      #expect(throws: WebAuthnError.wrongSignature) {
        try party.assertion(
          clientData: used.clientData, authenticatorData: used.authenticatorData,
          signature: Array(used.signature.prefix(count)), publicKey: try device.publicKey,
          signCount: 0, requiresVerification: true
        ) { _ in true }
      }
    }
  }

  @Test func aKeyOfAnotherAlgorithmOrNoneIsRefused() throws {
    let point = [UInt8](repeating: 1, count: 32)
    func key(_ kind: [UInt8], _ algorithm: [UInt8], _ more: [([UInt8], [UInt8])]) -> [UInt8] {
      CBORText.map([([0x01], kind), ([0x03], algorithm)] + more)
    }
    let onCurve: [([UInt8], [UInt8])] = [
      ([0x20], [0x01]), ([0x21], CBORText.bytes(point)), ([0x22], CBORText.bytes(point)),
    ]
    // ES384, RS1, and ES256 with a kind that isn't its own.
    #expect(throws: WebAuthnError.unsupportedAlgorithm) {
      try COSEKey(key([0x02], [0x38, 0x22], onCurve))
    }
    #expect(throws: WebAuthnError.unsupportedAlgorithm) {
      try COSEKey(key([0x03], [0x39, 0xFF, 0xFE], []))
    }
    #expect(throws: WebAuthnError.unsupportedAlgorithm) {
      try COSEKey(key([0x01], [0x26], onCurve))
    }
    // Not on the curve; too short a modulus; an even exponent.
    #expect(throws: WebAuthnError.malformed("a public key that is none")) {
      try COSEKey(key([0x02], [0x26], onCurve))
    }
    for (modulus, exponent) in [
      ([UInt8](repeating: 0xFF, count: 128), [UInt8]([1, 0, 1])),
      ([UInt8](repeating: 0xFF, count: 1_025), [1, 0, 1]),
      ([UInt8](repeating: 0xFF, count: 256), [1, 0, 0]),
      ([UInt8](repeating: 0xFF, count: 256), [1]), ([], []),
    ] {
      #expect(throws: WebAuthnError.malformed("a public key that is none")) {
        try COSEKey(
          key(
            [0x03], [0x39, 0x01, 0x00],
            [([0x20], CBORText.bytes(modulus)), ([0x21], CBORText.bytes(exponent))]))
      }
    }
  }
}
