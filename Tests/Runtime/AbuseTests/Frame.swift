/// Types of HTTP/2 frames (RFC 9113, 6).
enum FrameKind: UInt8 {
  case data = 0
  case headers = 1
  case priority = 2
  case reset = 3
  case settings = 4
  case ping = 6
  case goAway = 7
  case windowUpdate = 8
  case continuation = 9
  /// Not assigned: receivers must ignore it (RFC 9113, 5.5).
  case unassigned = 0xBB
}

/// Encodes frames, also those that no honest client would send.
enum Frame {
  static let headBytes = 9
  /// What a receiver must accept without having said so (RFC 9113, 4.2).
  static let payloadBytesMax = 16 << 10

  static let endStream: UInt8 = 0x1
  static let acknowledgement: UInt8 = 0x1
  static let endHeaders: UInt8 = 0x4

  static func encode(
    _ kind: FrameKind, flags: UInt8 = 0, stream: Int = 0, _ payload: [UInt8] = []
  ) -> [UInt8] {
    bigEndian(payload.count, bytes: 3) + [kind.rawValue, flags] + bigEndian(stream, bytes: 4)
      + payload
  }

  static func bigEndian(_ value: Int, bytes: Int) -> [UInt8] {
    (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// A whole header block in one frame; the stream stays open unless `ends`.
  static func headers(_ stream: Int, _ block: [UInt8], ends: Bool = false) -> [UInt8] {
    encode(.headers, flags: ends ? endHeaders | endStream : endHeaders, stream: stream, block)
  }

  static func data(_ stream: Int, _ payload: [UInt8] = [], ends: Bool = false) -> [UInt8] {
    encode(.data, flags: ends ? endStream : 0, stream: stream, payload)
  }

  /// RST_STREAM with CANCEL.
  static func reset(_ stream: Int) -> [UInt8] {
    encode(.reset, stream: stream, bigEndian(8, bytes: 4))
  }

  static func windowUpdate(_ stream: Int, by increment: Int) -> [UInt8] {
    encode(.windowUpdate, stream: stream, bigEndian(increment, bytes: 4))
  }

  static func ping(_ payload: Int = 0, flags: UInt8 = 0) -> [UInt8] {
    encode(.ping, flags: flags, bigEndian(payload, bytes: 8))
  }

  static func priority(_ stream: Int, dependsOn other: Int) -> [UInt8] {
    encode(.priority, stream: stream, bigEndian(other, bytes: 4) + [1])
  }

  static func settings(_ entries: [Setting] = []) -> [UInt8] {
    encode(
      .settings,
      entries.flatMap { bigEndian($0.number, bytes: 2) + bigEndian($0.value, bytes: 4) })
  }
}

/// An entry of a SETTINGS frame.
struct Setting {
  let number: Int
  let value: Int

  static func initialWindowBytes(_ value: Int) -> Setting { Setting(number: 4, value: value) }
}
