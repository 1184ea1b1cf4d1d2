import COpenSSL
import Cryptography
import Encodings
import Foundation
import OpenSSL

/// A device that keeps one passkey in memory, and a browser around it; it does whatever it is told,
/// wrong things too.
package final class SoftAuthenticator: @unchecked Sendable {
  package enum Algorithm: Sendable, CaseIterable { case es256, edDSA, rs256 }

  /// What it says of itself and of the page; everything can be a lie.
  package struct Answer: Sendable {
    package var type: String
    package var origin = "https://keys.example.com"
    package var relyingParty = "keys.example.com"
    /// User present and verified.
    package var flags: UInt8 = 0x05
    package var signCount: UInt32 = 0
    package var userHandle: [UInt8] = []
    /// Goes behind the members of the client data, e.g. `,"crossOrigin":true`.
    package var moreClientData = ""

    package init(_ type: String) { self.type = type }
    package static let registration = Answer("webauthn.create")
    package static let use = Answer("webauthn.get")
  }

  package let credentialID: [UInt8]
  package let algorithm: Algorithm
  private let key: AsymmetricKey

  package init(_ algorithm: Algorithm = .es256) throws {
    self.algorithm = algorithm
    credentialID = try SecureRandom.bytes(32)
    switch algorithm {
    case .es256: key = try .generateP256()
    case .edDSA:
      let seed = try SecureRandom.bytes(32)
      key = AsymmetricKey(
        owning: try Self.made(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, 32)))
    case .rs256:
      let context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nil)
      defer { EVP_PKEY_CTX_free(context) }
      var pointer: OpaquePointer?
      EVP_PKEY_keygen_init(context)
      EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2_048)
      EVP_PKEY_keygen(context, &pointer)
      key = AsymmetricKey(owning: try Self.made(pointer))
    }
  }

  package struct Failure: Error {}

  private static func made(_ pointer: OpaquePointer?) throws -> OpaquePointer {
    guard let pointer else { throw Failure() }
    return pointer
  }

  // MARK: What a page gets

  package func clientData(_ challenge: [UInt8], _ answer: Answer) -> [UInt8] {
    Array(
      (#"{"type":"\#(answer.type)","challenge":"\#(Base64.url.encode(challenge))","#
        + #""origin":"\#(answer.origin)"\#(answer.moreClientData)}"#).utf8)
  }

  /// Of a new credential: `clientDataJSON` and `attestationObject`.
  package func register(
    _ challenge: [UInt8], _ answer: Answer = .registration
  ) throws -> (clientData: [UInt8], attestationObject: [UInt8]) {
    var answer = answer
    answer.flags |= 0x40
    let data = authenticatorData(answer) + (try attestedCredential)
    return (clientData(challenge, answer), Self.attestation(data))
  }

  package static func attestation(_ authenticatorData: [UInt8]) -> [UInt8] {
    CBORText.map([
      (CBORText.text("fmt"), CBORText.text("none")), (CBORText.text("attStmt"), CBORText.map([])),
      (CBORText.text("authData"), CBORText.bytes(authenticatorData)),
    ])
  }

  /// `clientDataJSON`, `authenticatorData` and `signature`.
  package func use(
    _ challenge: [UInt8], _ answer: Answer = .use
  ) throws -> (clientData: [UInt8], authenticatorData: [UInt8], signature: [UInt8]) {
    let client = clientData(challenge, answer)
    let data = authenticatorData(answer)
    return (client, data, try sign(data + SHA256Digest.hash(client)))
  }

  package func authenticatorData(_ answer: Answer) -> [UInt8] {
    SHA256Digest.hash(Array(answer.relyingParty.utf8)) + [answer.flags]
      + withUnsafeBytes(of: answer.signCount.bigEndian) { Array($0) }
  }

  package var attestedCredential: [UInt8] {
    get throws {
      [UInt8](repeating: 0, count: 16)
        + withUnsafeBytes(of: UInt16(credentialID.count).bigEndian) { Array($0) } + credentialID
        + (try publicKey)
    }
  }

  /// In COSE.
  package var publicKey: [UInt8] {
    get throws {
      switch algorithm {
      case .es256:
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = EVP_PKEY_get1_encoded_public_key(key.pointer, &bytes)
        guard count == 65, let bytes else { throw Failure() }
        defer { CRYPTO_free(bytes, #file, #line) }
        let point = Array(UnsafeBufferPointer(start: bytes, count: count))
        return CBORText.map([
          ([0x01], [0x02]), ([0x03], [0x26]), ([0x20], [0x01]),
          ([0x21], CBORText.bytes(Array(point[1..<33]))),
          ([0x22], CBORText.bytes(Array(point[33...]))),
        ])
      case .edDSA:
        var raw = [UInt8](repeating: 0, count: 32)
        var count = 32
        EVP_PKEY_get_raw_public_key(key.pointer, &raw, &count)
        return CBORText.map([
          ([0x01], [0x01]), ([0x03], [0x27]), ([0x20], [0x06]), ([0x21], CBORText.bytes(raw)),
        ])
      case .rs256:
        return CBORText.map([
          ([0x01], [0x03]), ([0x03], [0x39, 0x01, 0x00]),
          ([0x20], CBORText.bytes(try number("n"))), ([0x21], CBORText.bytes(try number("e"))),
        ])
      }
    }
  }

  /// Modulus or exponent.
  package func number(_ name: String) throws -> [UInt8] {
    var number: OpaquePointer?
    guard EVP_PKEY_get_bn_param(key.pointer, name, &number) == 1 else { throw Failure() }
    defer { BN_free(number) }
    var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(number) + 7) / 8)
    BN_bn2bin(number, &bytes)
    return bytes
  }

  package func sign(_ message: [UInt8]) throws -> [UInt8] {
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    let digest = algorithm == .edDSA ? nil : EVP_sha256()
    var signature = [UInt8](repeating: 0, count: 512)
    var count = signature.count
    guard EVP_DigestSignInit(context, nil, digest, nil, key.pointer) == 1,
      EVP_DigestSign(context, &signature, &count, message, message.count) == 1
    else { throw Failure() }
    return Array(signature.prefix(count))
  }
}

/// Writes the little of CBOR that tests need.
package enum CBORText {
  package static func head(_ kind: UInt8, _ count: Int) -> [UInt8] {
    switch count {
    case ..<24: [kind << 5 | UInt8(count)]
    case ..<256: [kind << 5 | 24, UInt8(count)]
    default: [kind << 5 | 25, UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF)]
    }
  }

  package static func bytes(_ bytes: [UInt8]) -> [UInt8] { head(2, bytes.count) + bytes }
  package static func text(_ text: String) -> [UInt8] {
    head(3, text.utf8.count) + Array(text.utf8)
  }
  package static func map(_ pairs: [([UInt8], [UInt8])]) -> [UInt8] {
    head(5, pairs.count) + pairs.flatMap { $0.0 + $0.1 }
  }
}
