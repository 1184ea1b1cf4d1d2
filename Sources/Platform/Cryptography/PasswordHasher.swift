import CArgon2

/// Password hashing by Argon2id (RFC 9106), synchronous: one call takes tens of milliseconds of one
/// processor. Services go through `PasswordHashingPool`.
package struct PasswordHasher: Sendable {
  /// Cost of one hash.
  package struct Parameters: Sendable, Equatable {
    package var memoryKiB: UInt32
    package var iterations: UInt32
    /// Lanes; computed one after the other on the calling thread.
    package var parallelism: UInt32

    package init(memoryKiB: UInt32, iterations: UInt32, parallelism: UInt32) {
      self.memoryKiB = memoryKiB
      self.iterations = iterations
      self.parallelism = parallelism
    }

    /// OWASP's Argon2id recommendation: 19 MiB, 2 passes, 1 lane.
    package static let recommended = Parameters(memoryKiB: 19_456, iterations: 2, parallelism: 1)
  }

  /// The answer to a log-in attempt.
  package struct Verification: Sendable, Equatable {
    package let matches: Bool
    /// The stored hash has other parameters than this hasher: hash again while the password is at
    /// hand. Meaningful only when `matches`.
    package let needsRehash: Bool

    package init(matches: Bool, needsRehash: Bool) {
      self.matches = matches
      self.needsRehash = needsRehash
    }
  }

  /// Longest password; far above what people type, low enough to bound a request.
  package static let passwordBytesMax = 4096
  package static let saltBytes = 16
  package static let tagBytes = 32

  package let parameters: Parameters

  package init(parameters: Parameters = .recommended) {
    self.parameters = parameters
  }

  /// A hash that no password has (its tag is all zeros) and that costs as much to verify as a real
  /// one. Verify against it when the account does not exist, so that both cases take equally long.
  package var dummyHash: String {
    PasswordHashText(
      parameters: parameters, salt: [UInt8](repeating: 0, count: Self.saltBytes),
      tag: [UInt8](repeating: 0, count: Self.tagBytes)
    ).text
  }

  /// Returns a PHC string with a fresh random salt.
  ///
  /// Throws `.passwordTooLong`, `.randomnessUnavailable` or `.engine`.
  package func hash(_ password: SecretBytes) throws(PasswordHashingError) -> String {
    guard let salt = try? SecureRandom.bytes(Self.saltBytes) else {
      throw .randomnessUnavailable
    }
    let tag = try derive(password, salt: salt, parameters: parameters, tagBytes: Self.tagBytes)
    return PasswordHashText(parameters: parameters, salt: salt, tag: tag).text
  }

  /// Compares `password` with a stored PHC string, or with a bcrypt hash, in constant time.
  ///
  /// Throws `.malformedHash` or `.refusedParameters` for stored text that is not acceptable, else
  /// as `hash` does.
  package func verify(
    _ password: SecretBytes, against phc: String
  ) throws(PasswordHashingError) -> Verification {
    if Bcrypt.isHash(phc) {
      return Verification(matches: try Bcrypt.matches(password, phc), needsRehash: true)
    }
    let stored = try PasswordHashText(parsing: phc)
    let tag = try derive(
      password, salt: stored.salt, parameters: stored.parameters, tagBytes: stored.tag.count)
    return Verification(
      matches: ConstantTime.equals(tag, stored.tag),
      needsRehash: stored.parameters != parameters || stored.tag.count != Self.tagBytes
        || stored.salt.count != Self.saltBytes)
  }

  private func derive(
    _ password: SecretBytes, salt: [UInt8], parameters: Parameters, tagBytes: Int
  ) throws(PasswordHashingError) -> [UInt8] {
    guard password.count <= Self.passwordBytesMax else { throw .passwordTooLong }
    let tag = try SecretBytes(count: tagBytes) { (output) throws(PasswordHashingError) in
      try password.withUnsafeBytes { (password) throws(PasswordHashingError) in
        try Argon2id.derive(password: password, salt: salt, parameters: parameters, into: output)
      }
    }
    return tag.withUnsafeBytes { Array($0) }
  }
}

/// What can go wrong when a password is hashed or verified; a wrong password is not an error.
package enum PasswordHashingError: Error, Equatable {
  /// The stored text is not an Argon2id PHC string of this version of the algorithm.
  case malformedHash
  /// The stored text asks for more memory or passes, or for less salt or output, than is
  /// acceptable.
  case refusedParameters
  /// Longer than `PasswordHasher.passwordBytesMax`.
  case passwordTooLong
  /// All threads are busy and the queue is full; try again later.
  case overloaded
  /// The pool no longer takes work.
  case shutDown
  /// No salt could be made.
  case randomnessUnavailable
  /// libargon2 refused; the code is one of `Argon2_ErrorCodes`, for example -22 for no memory.
  case engine(code: Int32)
}

/// The function Argon2id itself (RFC 9106), without encoding and policy.
enum Argon2id {
  /// Fills `output` with the tag.
  ///
  /// Throws `.engine` for parameters out of the RFC's range (section 3.1) and for lack of memory.
  /// One thread does all the work, whatever `parallelism` is: the caller bounds threads.
  static func derive(
    password: UnsafeRawBufferPointer, salt: [UInt8], parameters: PasswordHasher.Parameters,
    secret: [UInt8] = [], associatedData: [UInt8] = [], into output: UnsafeMutableRawBufferPointer
  ) throws(PasswordHashingError) {
    // libargon2 takes mutable pointers because it can wipe its inputs; without the flags for that
    // it only reads them.
    var salt = salt
    var secret = secret
    var associatedData = associatedData
    let code = salt.withUnsafeMutableBufferPointer { salt in
      secret.withUnsafeMutableBufferPointer { secret in
        associatedData.withUnsafeMutableBufferPointer { associatedData in
          var context = argon2_context()
          context.out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
          context.outlen = UInt32(output.count)
          context.pwd = UnsafeMutablePointer(
            mutating: password.baseAddress?.assumingMemoryBound(to: UInt8.self))
          context.pwdlen = UInt32(password.count)
          context.salt = salt.baseAddress
          context.saltlen = UInt32(salt.count)
          context.secret = secret.isEmpty ? nil : secret.baseAddress
          context.secretlen = UInt32(secret.count)
          context.ad = associatedData.isEmpty ? nil : associatedData.baseAddress
          context.adlen = UInt32(associatedData.count)
          context.t_cost = parameters.iterations
          context.m_cost = parameters.memoryKiB
          context.lanes = parameters.parallelism
          context.threads = 1
          context.version = ARGON2_VERSION_13.rawValue
          return argon2id_ctx(&context)
        }
      }
    }
    guard code == ARGON2_OK.rawValue else { throw .engine(code: code) }
  }
}
