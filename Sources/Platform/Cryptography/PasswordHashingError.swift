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
