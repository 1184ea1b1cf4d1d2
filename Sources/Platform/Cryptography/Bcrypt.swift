import CCrypt

/// Verifies bcrypt hashes, which people bring along from other applications; makes none.
///
/// What bcrypt itself cuts off counts as it did where the hash was made: bytes behind the 72nd.
enum Bcrypt {
  private static let prefixes = ["$2a$", "$2b$", "$2y$"].map { Array($0.utf8) }
  /// `$2b$12$`, 22 digits of salt, 31 of tag.
  private static let textBytes = 60
  /// Two to the power of it is the number of rounds. Above it, one log-in would take seconds.
  static let costs = 4...14

  /// Whether stored text is such a hash rather than one of ours.
  static func isHash(_ text: String) -> Bool {
    prefixes.contains { text.utf8.starts(with: $0) }
  }

  /// Throws `.malformedHash`, or `.refusedParameters` for a cost outside of `costs`.
  static func matches(
    _ password: SecretBytes, _ stored: String
  ) throws(PasswordHashingError) -> Bool {
    let text = Array(stored.utf8)
    guard text.count == textBytes, text.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      let cost = Int(String(decoding: text[4..<6], as: UTF8.self)), text[6] == UInt8(ascii: "$")
    else { throw .malformedHash }
    guard costs.contains(cost) else { throw .refusedParameters }
    // It would end the C string: nobody's password had one.
    guard !password.withUnsafeBytes({ $0.contains(0) }) else { return false }
    let phrase = SecretBytes(count: password.count + 1) { buffer in
      password.withUnsafeBytes { buffer.copyBytes(from: $0) }
    }
    var isEqual: Bool?
    // Its work space holds what follows from the password: memory that is wiped.
    _ = SecretBytes(count: MemoryLayout<crypt_data>.size) { space in
      phrase.withUnsafeBytes { phrase in
        guard let phrase = phrase.baseAddress?.assumingMemoryBound(to: CChar.self),
          let answer = crypt_rn(phrase, stored, space.baseAddress, Int32(space.count))
        else { return }
        let computed = UnsafeRawBufferPointer(start: answer, count: textBytes)
        isEqual = ConstantTime.equals(Array(computed), text)
      }
    }
    guard let isEqual else { throw .malformedHash }
    return isEqual
  }
}
