import Cryptography
import Encodings
import Protobuf

/// A provider's public keys (RFC 7517): those that check identity tokens.
struct JSONWebKeySet: Sendable {
  /// A set with more is refused.
  static let keysMax = 64

  struct Key: Sendable {
    let id: String?
    let key: SignatureKey
  }

  let keys: [Key]

  /// Keys for other uses, of other kinds, or too weak are left out; throws `.malformed` for what is
  /// no set.
  init(json: [UInt8]) throws(OpenIDError) {
    guard let document = try? JSONParser.parse(json), case .array(let elements)? = document["keys"],
      elements.count <= Self.keysMax
    else { throw .malformed("keys that are no key set") }
    keys = elements.compactMap(Self.read)
  }

  private static func read(_ value: JSONValue) -> Key? {
    let use = value.string("use")
    guard use == nil || use == "sig" else { return nil }
    func bytes(_ name: String) -> [UInt8] {
      value.string(name).flatMap { Base64.url.decode($0) } ?? []
    }
    let key: SignatureKey?
    switch (value.string("kty"), value.string("alg")) {
    case ("RSA"?, nil), ("RSA"?, "RS256"?):
      key = try? SignatureKey(modulus: bytes("n"), exponent: bytes("e"))
    case ("EC"?, nil), ("EC"?, "ES256"?):
      guard value.string("crv") == "P-256" else { return nil }
      key = try? SignatureKey(x: bytes("x"), y: bytes("y"))
    default: key = nil
    }
    return key.map { Key(id: value.string("kid"), key: $0) }
  }

  /// The key that a token names; without a name, the only one of its algorithm. Nil for none.
  func key(_ id: String?, _ algorithm: SignatureKey.Algorithm) -> SignatureKey? {
    let fitting = keys.filter { $0.key.algorithm == algorithm && (id == nil || $0.id == id) }
    // Of several with one name, none can be meant.
    return fitting.count == 1 ? fitting[0].key : nil
  }
}

extension JSONValue {
  /// An object's member.
  subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  func string(_ name: String) -> String? {
    if case .string(let text)? = self[name] { text } else { nil }
  }

  /// A point in time in whole seconds; fractions are cut off.
  func seconds(_ name: String) -> Int64? {
    guard case .number(let text)? = self[name], let value = Double(text), value.isFinite else {
      return nil
    }
    return Int64(exactly: value.rounded(.down))
  }
}
