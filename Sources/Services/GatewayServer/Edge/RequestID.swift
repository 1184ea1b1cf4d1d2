import Cryptography
import Encodings

/// The name of one request in logs, metadata and receipts.
enum RequestID {
  static let charactersMax = 64

  static let randomBytes = 16

  /// 128 random bits; unique, not secret. From OpenSSL's generator, which needs no system call.
  static func make() -> String {
    guard let bytes = try? SecureRandom.bytes(randomBytes) else {
      return String(UInt64.random(in: .min ... .max), radix: 16)
    }
    return Hex.encode(bytes)
  }

  /// Whether a proxy's id can be taken over: nothing that could be anything else in a log.
  static func isUsable(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= charactersMax
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
          UInt8(ascii: "."):
          true
        default: false
        }
      }
  }
}
