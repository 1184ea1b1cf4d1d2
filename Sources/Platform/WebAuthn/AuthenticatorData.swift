/// What an authenticator says of itself and of the person in front of it (WebAuthn 2, 6.1).
package struct AuthenticatorData: Sendable {
  /// What a new credential is.
  package struct Credential: Sendable {
    /// Names the credential; 1 to 1,023 bytes.
    package let id: [UInt8]
    /// As it was sent: what is stored.
    package let publicKey: [UInt8]
    package let key: COSEKey
  }

  /// The authenticator's one-octet set of facts.
  private struct Flags {
    static let userPresent: UInt8 = 0x01
    static let userVerified: UInt8 = 0x04
    static let backupEligible: UInt8 = 0x08
    static let backedUp: UInt8 = 0x10
    static let hasCredential: UInt8 = 0x40
    static let hasExtensions: UInt8 = 0x80
  }

  /// Longer data is refused unread: a key of RSA with 8,192 bits needs a quarter of it.
  package static let bytesMax = 8_192
  /// WebAuthn 2, 5.8.3.
  package static let credentialIDBytesMax = 1_023
  private static let hashBytes = 32
  private static let headBytes = hashBytes + 1 + 4
  private static let modelBytes = 16

  /// SHA-256 of the relying party's id.
  package let relyingPartyHash: [UInt8]
  package let isUserPresent: Bool
  package let isUserVerified: Bool
  /// The credential may be copied to other devices of its owner.
  package let isBackupEligible: Bool
  /// It is.
  package let isBackedUp: Bool
  /// Counts the uses, or stays 0.
  package let signCount: UInt32
  /// Only in a registration.
  package let credential: Credential?

  /// Throws `.malformed` for anything but authenticator data, and `.unsupportedAlgorithm`.
  package init(_ bytes: [UInt8]) throws(WebAuthnError) {
    guard (Self.headBytes...Self.bytesMax).contains(bytes.count) else {
      throw .malformed("authenticator data of \(bytes.count) bytes")
    }
    let flags = bytes[Self.hashBytes]
    relyingPartyHash = Array(bytes[..<Self.hashBytes])
    isUserPresent = flags & Flags.userPresent != 0
    isUserVerified = flags & Flags.userVerified != 0
    isBackupEligible = flags & Flags.backupEligible != 0
    isBackedUp = flags & Flags.backedUp != 0
    signCount = bytes[(Self.hashBytes + 1)..<Self.headBytes].reduce(0) { $0 << 8 | UInt32($1) }
    // WebAuthn 3, 6.1.3: what may not be copied has no copies.
    guard isBackupEligible || !isBackedUp else {
      throw .malformed("a credential that is backed up and may not be")
    }
    var rest = bytes[Self.headBytes...]
    credential = flags & Flags.hasCredential != 0 ? try Self.credential(&rest) : nil
    if flags & Flags.hasExtensions != 0 {
      var reader = CBORReader(rest)
      guard case .map = try reader.next() else { throw .malformed("extensions that are no map") }
      rest = rest[reader.position...]
    }
    guard rest.isEmpty else { throw .malformed("bytes after the authenticator data") }
  }

  /// WebAuthn 2, 6.5.1.
  private static func credential(
    _ rest: inout ArraySlice<UInt8>
  ) throws(WebAuthnError) -> Credential {
    rest = rest.dropFirst(modelBytes)
    guard rest.count > 2 else { throw .malformed("the credential ends early") }
    let count = rest.prefix(2).reduce(0) { $0 << 8 | Int($1) }
    rest = rest.dropFirst(2)
    guard (1...credentialIDBytesMax).contains(count), count < rest.count else {
      throw .malformed("a credential id of \(count) bytes")
    }
    let id = Array(rest.prefix(count))
    rest = rest.dropFirst(count)
    var reader = CBORReader(rest)
    let value = try reader.next()
    let publicKey = Array(rest[..<reader.position])
    rest = rest[reader.position...]
    return Credential(id: id, publicKey: publicKey, key: try COSEKey(value))
  }
}
