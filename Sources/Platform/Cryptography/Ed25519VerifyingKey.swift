internal import COpenSSL
import Encodings
import OpenSSL

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
