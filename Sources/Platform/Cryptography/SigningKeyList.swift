/// Several private keys in one text: the one in use first, then those that it replaces.
extension Ed25519.SigningKey {
  /// Keys of one text; more than one only while a key is being replaced.
  package static let countMax = 16
  private static let endOfBlock = Array("-----END PRIVATE KEY-----".utf8)

  /// Reads unencrypted PKCS #8 PEM blocks (RFC 8410, 7) one after the other.
  ///
  /// - Throws: an error that says which block is none and repeats nothing of it.
  package static func all(
    inPEM text: SecretBytes
  ) throws(Ed25519.PEMProblem) -> [Ed25519.SigningKey] {
    let blocks = blocks(of: text)
    guard !blocks.isEmpty else { throw .none }
    guard blocks.count <= countMax else { throw .tooMany }
    var keys: [Ed25519.SigningKey] = []
    for block in blocks {
      guard let key = try? Ed25519.SigningKey(pem: block) else {
        throw .malformed(number: keys.count + 1)
      }
      keys.append(key)
    }
    return keys
  }

  /// Each up to the end of its block.
  private static func blocks(of text: SecretBytes) -> [SecretBytes] {
    text.withUnsafeBytes { bytes in
      var blocks: [SecretBytes] = []
      var (start, index) = (0, 0)
      while index + endOfBlock.count <= bytes.count {
        guard bytes[index..<index + endOfBlock.count].elementsEqual(endOfBlock) else {
          index += 1
          continue
        }
        index += endOfBlock.count
        blocks.append(SecretBytes(copying: UnsafeRawBufferPointer(rebasing: bytes[start..<index])))
        start = index
      }
      return blocks
    }
  }
}

extension Ed25519 {
  /// Why text is not a list of private keys.
  package enum PEMProblem: Error, Hashable, CustomStringConvertible {
    case none
    case tooMany
    case malformed(number: Int)

    package var description: String {
      switch self {
      case .none: "holds no PEM block of an Ed25519 private key"
      case .tooMany: "holds more than \(SigningKey.countMax) keys"
      case .malformed(let number): "PEM block \(number) is not an Ed25519 private key"
      }
    }
  }
}
