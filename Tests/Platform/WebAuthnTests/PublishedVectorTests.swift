import Encodings
import Testing

@testable import WebAuthn

/// The test vectors of Web Authentication, Level 3, section 16: for `example.org`, by somebody
/// else's code.
@Suite struct PublishedVectorTests {
  private let party = RelyingParty(
    id: "example.org", name: "Example", origins: ["https://example.org"])

  private struct Vector {
    let name: String
    let registrationChallenge: String
    let registrationClientData: String
    let attestationObject: String
    let credentialID: String
    var use: (challenge: String, data: String, clientData: String, signature: String)?
  }

  private func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(hex)) }

  private static let none = Vector(
    name: "none.ES256",
    registrationChallenge: "00c30fb78531c464d2b6771dab8d7b603c01162f2fa486bea70f283ae556e130",
    registrationClientData: "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e"
      + "6765223a22414d4d507434557878475453746e63647134313759447742466938767049612d7077386f4f75565"
      + "7345441222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f72"
      + "6967696e223a66616c73652c22657874726144617461223a22636c69656e74446174614a534f4e206d6179206"
      + "26520657874656e6465642077697468206164646974696f6e616c206669656c647320696e2074686520667574"
      + "7572652c207375636820617320746869733a20426b5165446a646354427258426941774a544c453551227d",
    attestationObject: "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958"
      + "b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db374750b2367ff6f"
      + "3a1f0020f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4a5010203262001215"
      + "820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61225820930a56b87a2fca66"
      + "334b03458abf879717c12cc68ed73290af2e2664796b9220",
    credentialID: "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4",
    use: (
      "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408",
      "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000",
      "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224f63446e5568515875"
        + "6c5455506f334a5558543049393770767a7a59425039745a63685879617630314167222c226f726967696e22"
        + "3a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73657d",
      "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b"
        + "93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87"
    ))

  /// A statement by the credential itself, which is sent although none is asked for.
  private static let ownStatement = Vector(
    name: "packed-self.ES256",
    registrationChallenge: "7869c2b772d4b58eba9378cf8f29e26cf935aa77df0da89fa99c0bdc0a76f7e5",
    registrationClientData: "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e"
      + "6765223a2265476e4374334c55745936366b336a506a796e6962506b31716e666644616966715a774c3341703"
      + "2392d55222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f72"
      + "6967696e223a66616c73652c22657874726144617461223a22636c69656e74446174614a534f4e206d6179206"
      + "26520657874656e6465642077697468206164646974696f6e616c206669656c647320696e2074686520667574"
      + "7572652c207375636820617320746869733a205539685458764b453255526b4d6e625f307859485667227d",
    attestationObject: "a363666d74667061636b65646761747453746d74a263616c6726637369675846304402200"
      + "67a20754ab925005dbf378097c92120031581c73228d1fb4f5b881bcd7da98302207fc7b147558c7c0eba3af1"
      + "8bd9d121fa3d3a26d17fe3f220272178f473b6006d68617574684461746158a4bfabc37432958b063360d3ad6"
      + "461c9c4735ae7f8edd46592a5e0f01452b2e4b55d00000000df850e09db6afbdfab51697791506cfc0020455e"
      + "f34e2043a87db3d4afeb39bbcb6cc32df9347c789a865ecdca129cbef58ca5010203262001215820eb151c817"
      + "6b225cc651559fecf07af450fd85802046656b34c18f6cf193843c5225820927b8aa427a2be1b8834d233a2d3"
      + "4f61f13bfd44119c325d5896e183fee484f2",
    credentialID: "455ef34e2043a87db3d4afeb39bbcb6cc32df9347c789a865ecdca129cbef58c")

  @Test func whatTheSpecificationPublishesIsTaken() throws {
    for vector in [Self.none, Self.ownStatement] {
      let challenge = try bytes(vector.registrationChallenge)
      let (data, credential) = try party.registration(
        clientData: bytes(vector.registrationClientData),
        attestationObject: bytes(vector.attestationObject)
      ) { $0 == challenge }
      #expect(credential.id == (try bytes(vector.credentialID)), "\(vector.name)")
      #expect(data.isBackupEligible && data.signCount == 0)
      guard let use = vector.use else { continue }
      let expected = try bytes(use.challenge)
      let used = try party.assertion(
        clientData: bytes(use.clientData), authenticatorData: bytes(use.data),
        signature: bytes(use.signature), publicKey: credential.publicKey, signCount: 0,
        requiresVerification: false
      ) { $0 == expected }
      #expect(used.isBackedUp && !used.isUserVerified)
      // One bit of it is another.
      var wrong = try bytes(use.signature)
      wrong[40] ^= 1
      #expect(throws: WebAuthnError.wrongSignature) {
        try party.assertion(
          clientData: bytes(use.clientData), authenticatorData: bytes(use.data), signature: wrong,
          publicKey: credential.publicKey, signCount: 0, requiresVerification: false
        ) { $0 == expected }
      }
    }
  }
}
