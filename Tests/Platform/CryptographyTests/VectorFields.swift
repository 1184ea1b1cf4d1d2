import Cryptography
import Encodings
import Testing

extension VectorFile.Vector {
  /// The bytes of a hexadecimal field; the test fails when it is missing or malformed.
  func bytes(_ name: String) throws -> [UInt8] {
    let text = try #require(self[name], "the vector has no field \(name)")
    return try #require(Hex.decode(text), "field \(name) is not hexadecimal")
  }

  func secret(_ name: String) throws -> SecretBytes {
    SecretBytes(copying: try bytes(name))
  }

  func number(_ name: String) throws -> Int {
    try #require(self[name].flatMap { Int($0) }, "the vector has no number \(name)")
  }
}

extension SecretBytes {
  /// A copy in ordinary memory, to compare with what a vector says.
  var exposed: [UInt8] { withUnsafeBytes { Array($0) } }
}
