import COpenSSL

/// Codes that change with time (TOTP, RFC 6238), as every authenticator app makes them: HMAC-SHA-1,
/// six digits, thirty seconds.
package enum OneTimePassword {
  /// What the RFC recommends for HMAC-SHA-1 (RFC 4226, 4, R6).
  package static let secretBytes = 20
  package static let digitCount = 6
  package static let stepSeconds: Int64 = 30
  /// Steps around the current one whose codes are taken too: clocks differ, people are slow.
  package static let skewSteps: Int64 = 1

  /// The step of a time in seconds since 1970.
  package static func step(at seconds: Int64) -> Int64 { max(0, seconds) / stepSeconds }

  /// The step whose code this is, among those that are taken at `seconds`; nil for a wrong code.
  /// Takes the same time wherever it is found.
  package static func step(
    of code: String, secret: SecretBytes, at seconds: Int64
  ) -> Int64? {
    let now = step(at: seconds)
    var found: Int64?
    for step in max(0, now - skewSteps)...now + skewSteps
    where ConstantTime.equals(Array(self.code(secret, step: step).utf8), Array(code.utf8)) {
      found = step
    }
    return found
  }

  /// The code of a step, with leading zeros (RFC 4226, 5.3).
  package static func code(_ secret: SecretBytes, step: Int64, digits: Int = digitCount) -> String {
    let counter = withUnsafeBytes(of: UInt64(bitPattern: step).bigEndian) { Array($0) }
    var mac = [UInt8](repeating: 0, count: 20)
    let code = secret.withUnsafeBytes { key in
      HMAC(EVP_sha1(), key.baseAddress, Int32(key.count), counter, counter.count, &mac, nil)
    }
    // Fails only when memory has run out.
    guard code != nil else { fatalError("out of memory: HMAC") }
    let offset = Int(mac[19] & 15)
    let number = mac[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7fff_ffff
    let modulus = (0..<digits).reduce(UInt32(1)) { power, _ in power * 10 }
    let text = String(number % modulus)
    return String(repeating: "0", count: digits - text.utf8.count) + text
  }
}

/// Base 32 (RFC 4648, 6), which authenticator apps take secrets in.
package enum Base32 {
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

  /// Without padding.
  package static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
    var output: [UInt8] = []
    var (group, bits) = (UInt32(0), UInt32(0))
    for byte in bytes {
      group = group << 8 | UInt32(byte)
      bits += 8
      while bits >= 5 {
        bits -= 5
        output.append(digits[Int(group >> bits & 31)])
      }
    }
    if bits > 0 { output.append(digits[Int(group << (5 - bits) & 31)]) }
    return String(decoding: output, as: UTF8.self)
  }
}
