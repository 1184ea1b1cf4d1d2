import COpenSSL
package import FoundationEssentials

/// Immutable secret bytes in locked memory that is left out of core dumps and wiped when the last
/// reference goes.
///
/// Cannot be printed, encoded, hashed or compared by `==`; every way of describing it says
/// `<redacted>`.
package final class SecretBytes: Sendable {
  let block: SecretMemory.Block

  /// How many bytes the secret has; not itself secret.
  package let count: Int

  /// Whether the memory is locked against swapping; false past RLIMIT_MEMLOCK.
  package var isLocked: Bool { block.isLocked }

  /// Creates a secret of exactly `count` bytes that `body` writes; the buffer starts out zeroed and
  /// is wiped if `body` throws.
  package init<Failure: Error>(
    count: Int, fillingWith body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    precondition(count >= 0, "a secret cannot have a negative length")
    block = SecretMemory.allocate(byteCount: count)
    self.count = count
    try body(UnsafeMutableRawBufferPointer(start: block.start, count: count))
  }

  /// Creates a secret of up to `capacity` bytes; `body` returns how many it wrote. The buffer
  /// starts out zeroed and is wiped if `body` throws.
  package init<Failure: Error>(
    capacity: Int, fillingWith body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  ) throws(Failure) {
    precondition(capacity >= 0, "a secret cannot have a negative length")
    let block = SecretMemory.allocate(byteCount: capacity)
    let count: Int
    do throws(Failure) {
      count = try body(UnsafeMutableRawBufferPointer(start: block.start, count: capacity))
    } catch {
      SecretMemory.free(block)
      throw error
    }
    precondition((0...capacity).contains(count), "a secret was filled past its capacity")
    self.block = block
    self.count = count
  }

  /// Copies `bytes`; wiping the original stays the caller's duty.
  package convenience init(copying bytes: UnsafeRawBufferPointer) {
    self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
  }

  /// Copies `bytes`; the array itself is ordinary memory and is not wiped.
  package convenience init(copying bytes: [UInt8]) {
    self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
  }

  /// Copies the UTF-8 of `text`; the string itself is ordinary memory and is not wiped.
  package convenience init(utf8 text: String) {
    var text = text
    self.init(count: text.utf8.count) { destination in
      text.withUTF8 { destination.copyMemory(from: UnsafeRawBufferPointer($0)) }
    }
  }

  deinit {
    SecretMemory.free(block)
  }

  /// Creates `count` bytes from OpenSSL's generator for private values.
  package static func random(count: Int) throws(CryptographyError) -> SecretBytes {
    try SecretBytes(count: count) { (buffer) throws(CryptographyError) in
      try SecureRandom.fillPrivate(buffer)
    }
  }

  /// Lends the bytes to `body`; the pointer is dead afterwards and copies made from it are the
  /// caller's to wipe.
  package func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeRawBufferPointer(start: block.start, count: count))
  }

  /// Lends a copy as a `String`, for libraries that take nothing else.
  ///
  /// Risk: longer than 15 bytes, the copy is on the ordinary heap: not locked, not wiped, and it
  /// lives as long as anyone keeps it. Bytes that are not UTF-8 arrive as U+FFFD.
  package func withUTF8String<Result, Failure: Error>(
    _ body: (String) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
  }

  /// Whether both secrets have the same bytes, in time that depends on the length only.
  package func constantTimeEquals(_ other: SecretBytes) -> Bool {
    withUnsafeBytes { left in other.withUnsafeBytes { ConstantTime.equals(left, $0) } }
  }
}

extension SecretBytes: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "<redacted>" }
  package var debugDescription: String { "<redacted>" }
  package var customMirror: Mirror { Mirror(self, children: [], displayStyle: nil) }
}

/// Random bytes from OpenSSL's generators, which the kernel seeds.
package enum SecureRandom {
  /// Returns `count` bytes that may become public: nonces, salts, identifiers. Secrets come from
  /// `SecretBytes.random`.
  package static func bytes(_ count: Int) throws(CryptographyError) -> [UInt8] {
    var filled = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      filled = fillPublic(UnsafeMutableRawBufferPointer(buffer))
      initializedCount = filled ? count : 0
    }
    guard filled else { throw .randomnessUnavailable }
    return bytes
  }

  /// A random UUID (RFC 9562, 5.4), for what many are made of: Foundation's opens /dev/urandom for
  /// each, which is three system calls.
  package static func uuid() -> UUID {
    var octets: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    guard withUnsafeMutableBytes(of: &octets, { fillPublic($0) }) else { return UUID() }
    octets.6 = octets.6 & 0x0F | 0x40
    octets.8 = octets.8 & 0x3F | 0x80
    return UUID(uuid: octets)
  }

  static func fillPublic(_ buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard let start = buffer.baseAddress, !buffer.isEmpty else { return true }
    guard let count = Int32(exactly: buffer.count) else { return false }
    return RAND_bytes(start.assumingMemoryBound(to: UInt8.self), count) == 1
  }

  static func fillPrivate(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptographyError) {
    guard let start = buffer.baseAddress, !buffer.isEmpty else { return }
    guard let count = Int32(exactly: buffer.count),
      RAND_priv_bytes(start.assumingMemoryBound(to: UInt8.self), count) == 1
    else { throw .randomnessUnavailable }
  }
}
