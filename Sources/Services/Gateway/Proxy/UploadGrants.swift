package import Cryptography
import Edge
import Encodings
import HTTPTypes
import Synchronization

/// The access token that began an upload, sealed into the address that its bytes are sent to.
///
/// To Google an upload's address is all that is needed, and SDKs send the bytes there without any
/// credential. A grant is such an address's for us: good for nothing else, for an hour, and only
/// with the process that gave it (decision 20).
package final class UploadGrants: Sendable {
  /// The query parameter that holds a grant.
  package static let parameter = "chatelaine-grant"
  /// An upload that takes longer is begun again.
  package static let lifetime: Duration = .seconds(3_600)
  /// Digits of the longest grant; about as many as a whole address has otherwise.
  package static let digitsMax = Base64.encodedCount(
    ofBytes: AES256GCM.overheadBytes + headBytes + labelBytesMax + ProxyToken.bytesMax)
  /// The bytes of an upload, questions after it, and giving it up.
  private static let methods: [HTTPRequest.Method] = [.post, .put, .delete]
  /// The end in whole seconds since `start`, then the label's length, in one byte.
  private static let headBytes = MemoryLayout<Int64>.size + 1
  static let labelBytesMax = Int(UInt8.max)
  /// Keeps a grant apart from whatever else may be sealed one day.
  private static let purpose = "chatelaine upload grant"

  /// Why a grant is refused.
  package enum Failure: Error {
    case ended
    /// Changed, brought to another address, or of another process: which of them can't be told.
    case unknown
  }

  /// What a grant stands for; the token's `grantEnd` is set.
  package struct Grant: Sendable {
    package let token: ProxyToken
    /// The label that the upload was begun with: SDKs don't repeat the header that named it.
    package let label: String
  }

  private struct Keys {
    var current: SecretBytes
    /// Opens what was sealed before the last change.
    var previous: SecretBytes?
    var seals: UInt64 = 0
  }

  private let keys: Mutex<Keys>
  private let sealsPerKeyMax: UInt64
  private let start = ContinuousClock.now

  /// Makes the key; throws `.randomnessUnavailable`.
  package init(sealsPerKeyMax: UInt64 = AES256GCM.sealsPerKeyMax) throws(CryptographyError) {
    keys = Mutex(Keys(current: try SecretBytes.random(count: AES256GCM.keyBytes)))
    self.sealsPerKeyMax = sealsPerKeyMax
  }

  /// A grant for exactly what `target` leads to, as base64url; nil for a label that no key has, or
  /// without random numbers. One that begins with a grant ends with it.
  func seal(
    _ token: ProxyToken, for target: ProxyTarget, at now: ContinuousClock.Instant = .now
  ) -> String? {
    let label = Array(target.label.utf8)
    guard let labelBytes = UInt8(exactly: label.count) else { return nil }
    let end = min(now + Self.lifetime, token.grantEnd ?? now + Self.lifetime)
    let seconds = start.duration(to: end).components.seconds
    let content = token.secret.withUnsafeBytes { secret in
      SecretBytes(count: Self.headBytes + label.count + secret.count) { buffer in
        buffer.storeBytes(of: seconds, as: Int64.self)
        buffer[Self.headBytes - 1] = labelBytes
        let texts = UnsafeMutableRawBufferPointer(rebasing: buffer[Self.headBytes...])
        texts.copyBytes(from: label)
        UnsafeMutableRawBufferPointer(rebasing: texts[label.count...]).copyMemory(from: secret)
      }
    }
    guard let key = try? keyForSealing(),
      let box = try? AES256GCM.seal(content, key: key, associatedData: Self.place(of: target))
    else { return nil }
    return Base64.url.encode(box.combined)
  }

  /// What a grant that came with a request to `target` stands for.
  func open(
    _ digits: String, for target: ProxyTarget, method: HTTPRequest.Method,
    at now: ContinuousClock.Instant = .now
  ) throws(Failure) -> Grant {
    guard Self.methods.contains(method), digits.utf8.count <= Self.digitsMax,
      let sealed = Base64.url.decode(digits), let box = try? SealedBox(combined: sealed),
      let content = opened(box, associatedData: Self.place(of: target)),
      let (seconds, label, secret) = Self.parts(of: content),
      target.label.isEmpty || target.label.hasBytes(of: label)
    else { throw .unknown }
    let end = start + .seconds(seconds)
    guard now < end else { throw .ended }
    return Grant(token: ProxyToken(secret, grantEnd: end), label: label)
  }

  private static func parts(
    of content: SecretBytes
  ) -> (seconds: Int64, label: String, secret: SecretBytes)? {
    content.withUnsafeBytes { bytes in
      guard bytes.count > headBytes else { return nil }
      let texts = bytes[headBytes...]
      let label = texts.prefix(Int(bytes[headBytes - 1]))
      let secret = UnsafeRawBufferPointer(rebasing: texts.dropFirst(label.count))
      return (
        bytes.loadUnaligned(as: Int64.self), String(decoding: label, as: UTF8.self),
        SecretBytes(copying: secret)
      )
    }
  }

  /// Provider, path and query as sent; no two places have the same bytes, since an address has no
  /// NUL. The label is in the sealed part.
  private static func place(of target: ProxyTarget) -> [UInt8] {
    let parts = [purpose, target.providerID, target.path, target.query.map { "?\($0)" } ?? ""]
    return Array(parts.joined(separator: "\0").utf8)
  }

  // MARK: Keys

  /// The key to seal with once; another one when it has sealed as often as it may.
  private func keyForSealing() throws(CryptographyError) -> SecretBytes {
    try keys.withLock { (keys) throws(CryptographyError) in
      if keys.seals >= sealsPerKeyMax {
        let next = try SecretBytes.random(count: AES256GCM.keyBytes)
        keys = Keys(current: next, previous: keys.current)
      }
      keys.seals += 1
      return keys.current
    }
  }

  private func opened(_ box: SealedBox, associatedData: [UInt8]) -> SecretBytes? {
    let (current, previous) = keys.withLock { ($0.current, $0.previous) }
    for key in [current, previous] {
      guard let key else { continue }
      if let content = try? AES256GCM.open(box, key: key, associatedData: associatedData) {
        return content
      }
    }
    return nil
  }
}
