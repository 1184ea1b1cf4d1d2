package import Cryptography

/// The keys of assertions as settings hold them.
package enum AssertionKeys {
  /// More than one only while a key is being replaced.
  package static let countMax = 16
  /// The setting of every service that has users, and what `.env.example` says of it.
  package static let variable = "ASSERTION_PUBLIC_KEYS"
  package static let doc =
    "PEM public keys of auth's assertions; several while a key is being replaced. A changed file "
    + "is taken into use within seconds."

  /// Why text is not a list of public keys.
  package enum Problem: Error, Hashable, CustomStringConvertible {
    case none
    case tooMany
    case malformed(number: Int)

    package var description: String {
      switch self {
      case .none: "holds no PEM block of an Ed25519 public key"
      case .tooMany: "holds more than \(countMax) keys"
      case .malformed(let number): "PEM block \(number) is not an Ed25519 public key"
      }
    }
  }

  /// Reads PEM blocks one after the other; text between them is ignored.
  package static func parse(_ pem: String) throws(Problem) -> [Ed25519.VerifyingKey] {
    let end = "-----END PUBLIC KEY-----"
    var keys: [Ed25519.VerifyingKey] = []
    var rest = Substring(pem)
    while let start = rest.firstRange(of: "-----BEGIN ") {
      guard keys.count < countMax else { throw .tooMany }
      guard let stop = rest[start.lowerBound...].firstRange(of: end),
        let key = try? Ed25519.VerifyingKey(
          pem: rest[start.lowerBound..<stop.upperBound] + "\n")
      else { throw .malformed(number: keys.count + 1) }
      keys.append(key)
      rest = rest[stop.upperBound...]
    }
    guard !keys.isEmpty else { throw .none }
    return keys
  }
}
