import COpenSSL
import Encodings
import OpenSSL

/// Signatures by Ed25519 (RFC 8032, pure variant).
package enum Ed25519 {
  package static let seedBytes = 32
  package static let publicKeyBytes = 32
  package static let signatureBytes = 64
  /// Longest PEM text that is looked at.
  package static let pemBytesMax = 4096

  /// Reads one PEM block; nil when there is none or it holds another kind of key.
  static func key(_ half: AsymmetricKey.Half, fromPEM pem: UnsafeRawBufferPointer) -> AsymmetricKey?
  {
    guard pem.count <= pemBytesMax, let key = try? AsymmetricKey(half, pem: pem), key.isEd25519
    else {
      return nil
    }
    return key
  }
}

extension Ed25519 {
  /// A private key.
  package final class SigningKey: Sendable {
    private let handle: AsymmetricKey

    /// The public half.
    package let verifyingKey: VerifyingKey

    /// Takes a 32-byte seed (RFC 8032, 5.1.5); throws `.invalidKeyLength` for any other length.
    package convenience init(seed: SecretBytes) throws(CryptographyError) {
      guard seed.count == seedBytes else {
        throw .invalidKeyLength(actual: seed.count, expected: seedBytes)
      }
      ErrorQueue.clear()
      let pointer = seed.withUnsafeBytes {
        EVP_PKEY_new_raw_private_key(
          EVP_PKEY_ED25519, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
      }
      guard let pointer else { throw CryptographyError.engine("Ed25519 key") }
      try self.init(AsymmetricKey(owning: pointer))
    }

    /// Takes unencrypted PKCS #8 as PEM text (RFC 8410, 7); throws `.malformedKey` for anything
    /// else, other kinds of keys included.
    package convenience init(pem: SecretBytes) throws(CryptographyError) {
      let handle = pem.withUnsafeBytes { key(.privateKey, fromPEM: $0) }
      guard let handle else { throw .malformedKey }
      try self.init(handle)
    }

    private init(_ handle: AsymmetricKey) throws(CryptographyError) {
      var raw = [UInt8](repeating: 0, count: publicKeyBytes)
      var count = raw.count
      ErrorQueue.clear()
      guard EVP_PKEY_get_raw_public_key(handle.pointer, &raw, &count) == 1 else {
        throw CryptographyError.engine("Ed25519 public key")
      }
      self.handle = handle
      verifyingKey = try VerifyingKey(rawRepresentation: raw)
    }

    /// Creates a key from a random seed.
    package static func generate() throws(CryptographyError) -> SigningKey {
      try SigningKey(seed: SecretBytes.random(count: seedBytes))
    }

    /// Returns the 64-byte signature of `message`; the same message always gets the same one.
    package func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
      guard let context = EVP_MD_CTX_new() else {
        throw CryptographyError.engine("Ed25519 sign")
      }
      defer { EVP_MD_CTX_free(context) }
      ErrorQueue.clear()
      var signature = [UInt8](repeating: 0, count: signatureBytes)
      var count = signature.count
      guard EVP_DigestSignInit(context, nil, nil, nil, handle.pointer) == 1,
        EVP_DigestSign(context, &signature, &count, message, message.count) == 1,
        count == signatureBytes
      else { throw CryptographyError.engine("Ed25519 sign") }
      return signature
    }

    /// The key as unencrypted PKCS #8 PEM text, for a file that only its owner can read.
    package var pemRepresentation: SecretBytes {
      get throws(CryptographyError) {
        do throws(OpenSSLError) {
          return try handle.withPrivatePEM { SecretBytes(copying: $0) }
        } catch {
          throw .engine(operation: error.operation, reason: error.reason)
        }
      }
    }
  }
}

extension Ed25519.SigningKey: CustomStringConvertible, CustomReflectable {
  package var description: String { "Ed25519 signing key \(verifyingKey.keyID)" }
  package var customMirror: Mirror { Mirror(self, children: [], displayStyle: nil) }
}

extension Ed25519 {
  /// A public key.
  package final class VerifyingKey: Sendable {
    private let handle: AsymmetricKey

    /// The 32-byte encoded point (RFC 8032, 5.1.2).
    package let rawRepresentation: [UInt8]

    /// The first 8 bytes of the SHA-256 of `rawRepresentation` as hex, to name the key in headers
    /// and logs.
    package let keyID: String

    /// Takes a 32-byte encoded point; throws `.invalidKeyLength` for any other length. A point that
    /// is not on the curve is accepted here and verifies nothing.
    package convenience init(rawRepresentation: [UInt8]) throws(CryptographyError) {
      guard rawRepresentation.count == publicKeyBytes else {
        throw .invalidKeyLength(actual: rawRepresentation.count, expected: publicKeyBytes)
      }
      ErrorQueue.clear()
      guard
        let pointer = EVP_PKEY_new_raw_public_key(
          EVP_PKEY_ED25519, nil, rawRepresentation, rawRepresentation.count)
      else { throw CryptographyError.engine("Ed25519 public key") }
      self.init(AsymmetricKey(owning: pointer), rawRepresentation)
    }

    /// Takes a SubjectPublicKeyInfo as PEM text (RFC 8410, 4); throws `.malformedKey` for anything
    /// else, other kinds of keys included.
    package convenience init(pem: String) throws(CryptographyError) {
      let handle = Array(pem.utf8).withUnsafeBytes { key(.publicKey, fromPEM: $0) }
      var raw = [UInt8](repeating: 0, count: publicKeyBytes)
      var count = raw.count
      guard let handle, EVP_PKEY_get_raw_public_key(handle.pointer, &raw, &count) == 1,
        count == publicKeyBytes
      else { throw .malformedKey }
      self.init(handle, raw)
    }

    private init(_ handle: AsymmetricKey, _ raw: [UInt8]) {
      self.handle = handle
      rawRepresentation = raw
      keyID = Hex.encode(SHA256Digest.hash(raw).prefix(8))
    }

    /// Whether `signature` is a signature of `message` by this key; false for any malformed one.
    package func isValidSignature(_ signature: [UInt8], for message: [UInt8]) -> Bool {
      guard signature.count == signatureBytes, let context = EVP_MD_CTX_new() else { return false }
      defer { EVP_MD_CTX_free(context) }
      ErrorQueue.clear()
      // A refused signature leaves entries behind that would confuse the next reader.
      defer { ErrorQueue.clear() }
      return EVP_DigestVerifyInit(context, nil, nil, nil, handle.pointer) == 1
        && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    /// The key as SubjectPublicKeyInfo PEM text.
    package var pemRepresentation: String {
      get throws(CryptographyError) {
        do throws(OpenSSLError) {
          return try handle.publicPEM()
        } catch {
          throw .engine(operation: error.operation, reason: error.reason)
        }
      }
    }
  }
}

extension Ed25519.VerifyingKey: CustomStringConvertible {
  package var description: String { "Ed25519 key \(keyID)" }
}
