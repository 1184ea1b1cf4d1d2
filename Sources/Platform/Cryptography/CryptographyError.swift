import OpenSSL

/// What can go wrong in this module outside key parsing and password hashing; no case carries
/// secret material.
package enum CryptographyError: Error, Equatable {
  /// Wrong key, wrong associated data, tampered or truncated input: deliberately one case, so that
  /// a caller cannot tell an attacker which it was.
  case authenticationFailed
  /// A key whose length the algorithm does not take; lengths in bytes.
  case invalidKeyLength(actual: Int, expected: Int)
  /// An input that is longer than this module's limit for it; lengths in bytes.
  case inputTooLong(actual: Int, max: Int)
  /// Text or bytes that are not a key of the expected kind.
  case malformedKey
  /// Bytes that do not have the shape of a sealed box.
  case malformedSealedBox
  /// The generator of random bytes failed; nothing may be created until it works again.
  case randomnessUnavailable
  /// OpenSSL refused an operation that does not depend on untrusted input.
  case engine(operation: String, reason: String)
}

extension CryptographyError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .authenticationFailed: "authentication failed"
    case .invalidKeyLength(let actual, let expected):
      "the key has \(actual) bytes instead of \(expected)"
    case .inputTooLong(let actual, let max): "the input has \(actual) bytes, more than \(max)"
    case .malformedKey: "malformed key"
    case .malformedSealedBox: "malformed sealed box"
    case .randomnessUnavailable: "the random generator failed"
    case .engine(let operation, let reason): "\(operation) failed: \(reason)"
    }
  }
}

extension CryptographyError {
  /// OpenSSL's failure of `operation`, which just happened.
  static func engine(_ operation: String) -> CryptographyError {
    .engine(operation: operation, reason: ErrorQueue.takeReason())
  }
}
