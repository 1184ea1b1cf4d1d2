import Addresses
import Encodings
package import Identity

/// What limits of an access token may look like.
extension AccessLimits {
  package static let providersMax = 20
  package static let labelsMax = 20
  package static let modelsMax = 50
  package static let networksMax = 20
  /// Bytes of a provider's id, and of a label.
  package static let wordBytesMax = 64
  /// Bytes of a model's name.
  package static let modelBytesMax = 128

  /// The same with networks in one form; throws what is wrong with them.
  func checked() throws(AuthError) -> AccessLimits {
    try Self.check(
      providers, "providers", countMax: Self.providersMax, bytesMax: Self.wordBytesMax,
      Self.isWord)
    try Self.check(
      labels, "labels", countMax: Self.labelsMax, bytesMax: Self.wordBytesMax, Self.isWord)
    try Self.check(
      models, "models", countMax: Self.modelsMax, bytesMax: Self.modelBytesMax, Self.isModel)
    guard networks.count <= Self.networksMax else {
      throw .invalid(.limits, reason: "must have at most \(Self.networksMax) networks")
    }
    var blocks: [String] = []
    for text in networks {
      guard let block = AddressBlock(text) else {
        throw .invalid(
          .limits, reason: "must have networks like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")
      }
      blocks.append("\(block.base)/\(block.prefixBits)")
    }
    return AccessLimits(
      providers: providers, labels: labels, models: models, networks: blocks)
  }

  private static func check(
    _ words: [String], _ name: String, countMax: Int, bytesMax: Int,
    _ isRight: (String) -> Bool
  ) throws(AuthError) {
    guard words.count <= countMax else {
      throw .invalid(.limits, reason: "must have at most \(countMax) \(name)")
    }
    guard words.allSatisfy({ (1...bytesMax).contains($0.utf8.count) && isRight($0) }) else {
      throw .invalid(
        .limits, reason: "must have \(name) as they are written, at most \(bytesMax) bytes each")
    }
  }

  /// As ids of providers and labels are.
  private static func isWord(_ text: String) -> Bool {
    text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }

  /// Visible ASCII, with a `*` at the end only.
  private static func isModel(_ text: String) -> Bool {
    text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
      && !text.utf8.dropLast().contains(UInt8(ascii: "*"))
  }
}
