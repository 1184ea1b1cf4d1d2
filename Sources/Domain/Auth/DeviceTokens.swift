package import Cryptography
import Encodings
package import FoundationEssentials
package import Identity

/// Tells devices that have logged in to an account from others, by a signed cookie.
///
/// It lets nobody in: whoever brings one is only not held up by wrong passwords of others.
package struct DeviceTokens: Sendable {
  /// How long a device is known after its last log-in.
  package static let lifetime: Duration = .seconds(400 * 86_400)
  private static let domain = Array("chatelaine device v1".utf8) + [0]
  private static let idBytes = 16
  private static let payloadBytes = idBytes + idBytes + 8
  private static let textBytesMax = 128

  private let key: SecretBytes

  /// - Parameter key: 32 random bytes that no database holds.
  package init(key: SecretBytes) { self.key = key }

  /// The cookie of a device that has just logged in.
  package func issue(for account: UserID, device: UUID = UUID(), at now: Date) -> String {
    let seconds = UInt64(exactly: now.timeIntervalSince1970.rounded(.down)) ?? 0
    let payload =
      Self.octets(account.uuid) + Self.octets(device)
      + withUnsafeBytes(of: seconds.bigEndian) { Array($0) }
    return Base64.url.encode(payload + code(payload))
  }

  /// The device, if it has logged in to this account before.
  package func device(_ text: String, of account: UserID, at now: Date) -> UUID? {
    guard text.utf8.count <= Self.textBytesMax, let bytes = Base64.url.decode(text),
      bytes.count == Self.payloadBytes + HMACSHA256.byteCount
    else { return nil }
    let payload = Array(bytes[..<Self.payloadBytes])
    guard ConstantTime.equals(code(payload), Array(bytes[Self.payloadBytes...])),
      payload[..<Self.idBytes].elementsEqual(Self.octets(account.uuid))
    else { return nil }
    let seconds = payload[(2 * Self.idBytes)...].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let issued = Date(timeIntervalSince1970: TimeInterval(seconds))
    guard now < issued.advanced(by: Self.lifetime.timeInterval) else { return nil }
    return payload[Self.idBytes..<2 * Self.idBytes].withUnsafeBytes {
      UUID(uuid: $0.loadUnaligned(as: uuid_t.self))
    }
  }

  private func code(_ payload: [UInt8]) -> [UInt8] {
    HMACSHA256.authenticationCode(for: Self.domain + payload, key: key)
  }

  private static func octets(_ id: UUID) -> [UInt8] { withUnsafeBytes(of: id.uuid) { Array($0) } }
}
