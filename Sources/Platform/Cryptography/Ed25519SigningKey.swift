internal import COpenSSL
import OpenSSL

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
