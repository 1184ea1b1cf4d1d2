internal import CArgon2

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
