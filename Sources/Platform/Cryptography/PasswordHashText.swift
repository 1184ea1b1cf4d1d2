import Encodings

/// A stored password hash in PHC string form:
/// `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<tag>`, both in unpadded base 64.
struct PasswordHashText {
  var parameters: PasswordHasher.Parameters
  var salt: [UInt8]
  var tag: [UInt8]

  /// Bounds on what is read back. A store that someone else wrote to must not be able to make this
  /// process allocate or compute without end.
  static let textBytesMax = 512
  static let memoryKiBMax: UInt32 = 256 * 1024
  static let iterationsMax: UInt32 = 16
  static let parallelismMax: UInt32 = 16
  static let saltByteRange = 8...64
  static let tagByteRange = 16...64

  var text: String {
    let salt = Base64.standard.encode(salt)
    let tag = Base64.standard.encode(tag)
    return "$argon2id$v=19$m=\(parameters.memoryKiB),t=\(parameters.iterations),"
      + "p=\(parameters.parallelism)$\(salt)$\(tag)"
  }

  init(parameters: PasswordHasher.Parameters, salt: [UInt8], tag: [UInt8]) {
    self.parameters = parameters
    self.salt = salt
    self.tag = tag
  }

  /// Throws `.malformedHash` for any other shape and `.refusedParameters` past the bounds above.
  init(parsing text: String) throws(PasswordHashingError) {
    guard text.utf8.count <= Self.textBytesMax else { throw .malformedHash }
    let parts = text.split(separator: "$", omittingEmptySubsequences: false)
    guard parts.count == 6, parts[0].isEmpty, parts[1] == "argon2id", parts[2] == "v=19",
      let salt = Base64.standard.decode(parts[4]),
      let tag = Base64.standard.decode(parts[5])
    else { throw .malformedHash }
    let settings = parts[3].split(separator: ",", omittingEmptySubsequences: false)
    guard settings.count == 3, let memoryKiB = Self.number(settings[0], named: "m="),
      let iterations = Self.number(settings[1], named: "t="),
      let parallelism = Self.number(settings[2], named: "p=")
    else { throw .malformedHash }
    guard iterations >= 1, iterations <= Self.iterationsMax,
      parallelism >= 1, parallelism <= Self.parallelismMax,
      memoryKiB >= 8 * parallelism, memoryKiB <= Self.memoryKiBMax,
      Self.saltByteRange.contains(salt.count), Self.tagByteRange.contains(tag.count)
    else { throw .refusedParameters }
    self.init(
      parameters: PasswordHasher.Parameters(
        memoryKiB: memoryKiB, iterations: iterations, parallelism: parallelism),
      salt: salt, tag: tag)
  }

  /// Decimal digits without sign or leading zero, so that each hash has one spelling. Numbers too
  /// large for 32 bits become the largest one and fail the bounds.
  private static func number(_ setting: Substring, named name: String) -> UInt32? {
    guard setting.hasPrefix(name) else { return nil }
    let digits = setting.dropFirst(name.count)
    guard let first = digits.utf8.first, first != UInt8(ascii: "0"),
      digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    return UInt32(digits) ?? .max
  }
}
