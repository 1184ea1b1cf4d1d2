package import Cryptography
import Encodings

/// A text and who signed it (C2SP signed-note).
package struct SignedNote: Sendable, Hashable {
  /// One line under the text.
  package struct Signature: Sendable, Hashable {
    package let name: String
    /// Tells keys of one name apart; proves nothing.
    package let keyID: [UInt8]
    package let bytes: [UInt8]
  }

  package static let keyIDBytes = 4
  /// Bytes of a note that is looked at.
  package static let bytesMax = 64 << 10
  /// Lines under a note that is looked at.
  package static let signaturesMax = 100

  /// Lines, the last with its end too.
  package let text: String
  package private(set) var signatures: [Signature]

  package init(text: String, signatures: [Signature] = []) {
    self.text = text
    self.signatures = signatures
  }

  /// Reads a note; nil for what isn't one, or is larger than what is looked at.
  package init?(_ note: String) {
    guard note.utf8.count <= Self.bytesMax, note.hasSuffix("\n"),
      let split = note.range(ofLast: "\n\n")
    else { return nil }
    let text = String(note[..<split.lowerBound]) + "\n"
    let lines = note[split.upperBound...].dropLast()
      .split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count <= Self.signaturesMax else { return nil }
    var signatures: [Signature] = []
    for line in lines {
      guard let signature = Signature(line: line) else { return nil }
      signatures.append(signature)
    }
    guard !signatures.isEmpty else { return nil }
    self.init(text: text, signatures: signatures)
  }

  /// The whole note, as it travels.
  package var serialized: String {
    text + "\n"
      + signatures.map { signature in
        let encoded = Base64.standard.encode(signature.keyID + signature.bytes, isPadded: true)
        return "\u{2014} \(signature.name) \(encoded)\n"
      }.joined()
  }

  package mutating func add(_ signature: Signature) { signatures.append(signature) }
}

extension SignedNote.Signature {
  /// What a line begins with: an em dash and a space.
  private static let lead = "\u{2014} "

  fileprivate init?(line: Substring) {
    guard line.hasPrefix(Self.lead) else { return nil }
    let parts = line.dropFirst(Self.lead.count)
      .split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 2, let name = parts.first, LogKey.isName(name),
      let bytes = Base64.standard.decode(parts[1], padding: .optional),
      bytes.count > SignedNote.keyIDBytes
    else { return nil }
    self.init(
      name: String(name), keyID: Array(bytes.prefix(SignedNote.keyIDBytes)),
      bytes: Array(bytes.dropFirst(SignedNote.keyIDBytes)))
  }
}

extension String {
  /// Without Foundation's search.
  fileprivate func range(ofLast lineEnds: String) -> Range<String.Index>? {
    var end = utf8.endIndex
    while end > utf8.startIndex {
      let start = utf8.index(before: end)
      if utf8[start] == UInt8(ascii: "\n"), start > utf8.startIndex {
        let before = utf8.index(before: start)
        if utf8[before] == UInt8(ascii: "\n") { return before..<end }
      }
      end = start
    }
    return nil
  }
}

/// The public key of a log by its name, as C2SP writes it: `name+0123abcd+base64`.
package struct LogKey: Sendable {
  /// What kind of signature a key makes (C2SP signed-note).
  private static let ed25519: UInt8 = 1

  /// Bytes of a name.
  package static let nameBytesMax = 255

  package let name: String
  package let key: Ed25519.VerifyingKey
  package let keyID: [UInt8]

  /// Nil for a name with a space, a plus sign or a line's end, and for an empty one.
  package init?(name: String, key: Ed25519.VerifyingKey) {
    guard Self.isName(name) else { return nil }
    self.name = name
    self.key = key
    let digest = SHA256Digest.hash(
      Array(name.utf8) + Array("\n".utf8) + [Self.ed25519] + key.rawRepresentation)
    keyID = Array(digest.prefix(SignedNote.keyIDBytes))
  }

  /// Reads `name+id+key`; nil for anything else, another kind of key, or an id that isn't its.
  package init?(text: String) {
    let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let id = Hex.decode(parts[1], .lower),
      let bytes = Base64.standard.decode(parts[2], padding: .optional),
      bytes.first == Self.ed25519,
      let key = try? Ed25519.VerifyingKey(rawRepresentation: Array(bytes.dropFirst()))
    else { return nil }
    self.init(name: String(parts[0]), key: key)
    guard keyID == id else { return nil }
  }

  package var text: String {
    let encoded = Base64.standard.encode([Self.ed25519] + key.rawRepresentation, isPadded: true)
    return "\(name)+\(Hex.encode(keyID))+\(encoded)"
  }

  /// Whether the note has a signature of this key.
  package func hasSigned(_ note: SignedNote) -> Bool {
    note.signatures.contains { signature in
      signature.name == name && signature.keyID == keyID
        && key.isValidSignature(signature.bytes, for: Array(note.text.utf8))
    }
  }

  static func isName(_ name: some StringProtocol) -> Bool {
    !name.isEmpty && name.utf8.count <= nameBytesMax
      && name.unicodeScalars.allSatisfy { scalar in
        scalar != "+" && !scalar.properties.isWhitespace
          && scalar.properties.generalCategory != .control
      }
  }
}

/// The private key of a log by its name.
package struct LogSigner: Sendable {
  package let publicKey: LogKey
  private let key: Ed25519.SigningKey

  /// Nil for what is no name of a log.
  package init?(name: String, key: Ed25519.SigningKey) {
    guard let publicKey = LogKey(name: name, key: key.verifyingKey) else { return nil }
    self.publicKey = publicKey
    self.key = key
  }

  /// Named after its key, so that no two logs have one name.
  package init?(key: Ed25519.SigningKey) {
    self.init(name: "chatelaine/\(key.verifyingKey.keyID)", key: key)
  }

  package func sign(_ text: String) throws(CryptographyError) -> SignedNote {
    SignedNote(
      text: text,
      signatures: [
        .init(
          name: publicKey.name, keyID: publicKey.keyID, bytes: try key.sign(Array(text.utf8)))
      ])
  }
}
