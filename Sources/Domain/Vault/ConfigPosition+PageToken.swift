internal import Cryptography
import FoundationEssentials

extension ConfigPosition {
  private static let format: UInt8 = 1
  private static let tokenBytes = 1 + 8 + 16

  /// Opaque text for the caller. It is no secret: a list is always the caller's own.
  var pageToken: String {
    let microseconds = Int64((createTime.timeIntervalSince1970 * 1_000_000).rounded())
    var bytes: [UInt8] = [Self.format]
    withUnsafeBytes(of: microseconds.bigEndian) { bytes.append(contentsOf: $0) }
    return Base64URL.encode(bytes + id.octets)
  }

  init(pageToken text: String) throws(VaultError) {
    guard text.utf8.count <= Self.tokenBytes * 2, let bytes = Base64URL.decode(text),
      bytes.count == Self.tokenBytes, bytes[0] == Self.format
    else { throw .invalid(.pageToken, reason: "is not a page token of this service") }
    let microseconds = bytes[1..<9].reduce(Int64(0)) { $0 << 8 | Int64($1) }
    guard (0..<7_258_118_400_000_000).contains(microseconds) else {
      throw .invalid(.pageToken, reason: "is not a page token of this service")
    }
    let id = bytes[9...].withUnsafeBytes { $0.loadUnaligned(as: uuid_t.self) }
    self.init(
      createTime: Date(timeIntervalSince1970: Double(microseconds) / 1_000_000),
      id: UUID(uuid: id))
  }
}
