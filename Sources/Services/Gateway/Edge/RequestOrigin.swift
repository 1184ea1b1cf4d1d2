import Addresses
import Cryptography
import Encodings
import HTTPTypes
import NIOCore

/// Where a request came from, for receipts and the log.
package struct RequestOrigin: Sendable, Hashable {
  package static let userAgentBytesMax = 512

  /// Empty when it isn't known.
  package let ipAddress: String
  /// At most `userAgentBytesMax` bytes of what the client says, without a token that stands in it:
  /// receipts are kept for ever.
  package let userAgent: String
  package let requestID: String

  /// As far as `proxies` vouch for what the request says of itself.
  init(
    _ headers: HTTPFields, from remoteAddress: SocketAddress?, trusting proxies: TrustedProxies
  ) {
    userAgent = String(
      decoding: SecureToken.masked(in: headers[.userAgent, default: ""]).utf8
        .prefix(Self.userAgentBytesMax), as: UTF8.self)
    guard let peer = remoteAddress?.ipAddress.flatMap({ IPAddress($0) }) else {
      (ipAddress, requestID) = ("", RequestID.make())
      return
    }
    ipAddress =
      proxies.client(peer: peer, forwardedFor: headers[values: .forwardedFor]).description
    let given = headers[.requestID].flatMap { id in
      proxies.trusts(peer) && RequestID.isUsable(id) ? id : nil
    }
    requestID = given ?? RequestID.make()
  }
}

/// The name of one request in logs, metadata and receipts.
package enum RequestID {
  package static let charactersMax = 64

  static let randomBytes = 16

  /// 128 random bits; unique, not secret. From OpenSSL's generator, which needs no system call.
  package static func make() -> String {
    guard let bytes = try? SecureRandom.bytes(randomBytes) else {
      return String(UInt64.random(in: .min ... .max), radix: 16)
    }
    return Hex.encode(bytes)
  }

  /// Whether a proxy's id can be taken over: nothing that could be anything else in a log.
  package static func isUsable(_ text: String) -> Bool {
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
