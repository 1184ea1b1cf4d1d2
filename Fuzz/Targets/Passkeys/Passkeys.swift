import Encodings
import Fuzzing
import WebAuthn

/// What browsers send of passkeys: CBOR, authenticator data, keys, client data.
@main
enum PasskeysTarget: FuzzTarget {
  private static let party = RelyingParty(
    id: "example.org", name: "Example", origins: ["https://example.org"])

  static func test(_ input: inout Input) {
    switch input.choice(of: 4) {
    case 0: checkCBOR(input.remaining())
    case 1: checkAuthenticatorData(input.remaining())
    case 2: checkRegistration(input.remaining())
    default: checkClientData(input.remaining())
    }
  }

  private static func checkCBOR(_ bytes: [UInt8]) {
    guard let value = try? CBORReader.read(bytes) else { return }
    require(value.encoded == bytes, "what is read is what would be written")
  }

  private static func checkAuthenticatorData(_ bytes: [UInt8]) {
    guard let data = try? AuthenticatorData(bytes) else { return }
    require(data.isBackupEligible || !data.isBackedUp, "what may not be copied has no copies")
    guard let credential = data.credential else { return }
    require(
      (1...AuthenticatorData.credentialIDBytesMax).contains(credential.id.count),
      "an id has its length")
    _ = requireNoError("a key that was taken can be read again") {
      try COSEKey(credential.publicKey)
    }
  }

  private static func checkRegistration(_ bytes: [UInt8]) {
    let client = Array(
      #"{"type":"webauthn.create","challenge":"AAAA","origin":"https://example.org"}"#.utf8)
    guard
      let taken = try? party.registration(
        clientData: client, attestationObject: bytes, isChallenge: { $0 == [0, 0, 0] })
    else { return }
    require(taken.data.isUserPresent, "somebody was there")
  }

  private static func checkClientData(_ bytes: [UInt8]) {
    var asked = 0
    _ = try? party.assertion(
      clientData: bytes, authenticatorData: [], signature: [], publicKey: [], signCount: 0,
      requiresVerification: true
    ) { _ in
      asked += 1
      return true
    }
    require(asked <= 1, "one text has one challenge")
    let challenge = RelyingParty.challenge(ofClientData: bytes)
    require(asked == 0 || challenge != nil, "both readers find it")
  }
}

extension CBORValue {
  /// As authenticators write it.
  fileprivate var encoded: [UInt8] {
    switch self {
    case .unsigned(let value): Self.head(0, value)
    case .negative(let value): Self.head(1, value)
    case .bytes(let bytes): Self.head(2, UInt64(bytes.count)) + bytes
    case .text(let text): Self.head(3, UInt64(text.utf8.count)) + Array(text.utf8)
    case .array(let values): Self.head(4, UInt64(values.count)) + values.flatMap(\.encoded)
    case .map(let pairs):
      Self.head(5, UInt64(pairs.count)) + pairs.flatMap { $0.key.encoded + $0.value.encoded }
    case .bool(let value): [value ? 0xF5 : 0xF4]
    case .null: [0xF6]
    }
  }

  private static func head(_ kind: UInt8, _ value: UInt64) -> [UInt8] {
    let bytes = withUnsafeBytes(of: value.bigEndian) { Array($0) }
    switch value {
    case ..<24: return [kind << 5 | UInt8(value)]
    case ..<0x100: return [kind << 5 | 24] + bytes.suffix(1)
    case ..<0x1_0000: return [kind << 5 | 25] + bytes.suffix(2)
    case ..<0x1_0000_0000: return [kind << 5 | 26] + bytes.suffix(4)
    default: return [kind << 5 | 27] + bytes
    }
  }
}
