import NIOCore

/// One HTTP/2 frame as it is on the wire (RFC 9113, 4.1), legal or not.
struct Frame: Sendable, Equatable {
  enum Kind {
    static let data: UInt8 = 0x0
    static let headers: UInt8 = 0x1
    static let priority: UInt8 = 0x2
    static let reset: UInt8 = 0x3
    static let settings: UInt8 = 0x4
    static let pushPromise: UInt8 = 0x5
    static let ping: UInt8 = 0x6
    static let goAway: UInt8 = 0x7
    static let windowUpdate: UInt8 = 0x8
    static let continuation: UInt8 = 0x9
    /// No frame of RFC 9113.
    static let unknown: UInt8 = 0x16
  }

  enum Flag {
    static let acknowledgement: UInt8 = 0x1
    static let endStream: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    static let padded: UInt8 = 0x8
    static let priority: UInt8 = 0x20
  }

  static let headBytes = 9

  var kind: UInt8
  var flags: UInt8 = 0
  var stream: UInt32 = 0
  var payload: [UInt8] = []
  /// Set to something else than the payload's size, it makes a frame that lies.
  var claimedBytes: Int?

  var bytes: [UInt8] {
    var buffer = ByteBuffer()
    let length = claimedBytes ?? payload.count
    buffer.writeInteger(UInt8(length >> 16))
    buffer.writeInteger(UInt16(length & 0xFFFF))
    buffer.writeInteger(kind)
    buffer.writeInteger(flags)
    buffer.writeInteger(stream)
    buffer.writeBytes(payload)
    return Array(buffer: buffer)
  }

  func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

  /// Takes the next frame out of `buffer`, if it is there as a whole.
  init?(from buffer: inout ByteBuffer) {
    guard
      let (high, low, kind, flags, stream) = buffer.getMultipleIntegers(
        at: buffer.readerIndex, as: (UInt8, UInt16, UInt8, UInt8, UInt32).self)
    else { return nil }
    let length = Int(high) << 16 | Int(low)
    guard buffer.readableBytes >= Self.headBytes + length else { return nil }
    buffer.moveReaderIndex(forwardBy: Self.headBytes)
    self.init(
      kind: kind, flags: flags, stream: stream, payload: buffer.readBytes(length: length) ?? [])
  }

  init(
    kind: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, payload: [UInt8] = [],
    claimedBytes: Int? = nil
  ) {
    self.kind = kind
    self.flags = flags
    self.stream = stream
    self.payload = payload
    self.claimedBytes = claimedBytes
  }

  /// The big-endian number at `offset` of the payload, 0 if it is too short.
  func number(at offset: Int) -> UInt32 {
    ByteBuffer(bytes: payload).getInteger(at: offset) ?? 0
  }
}

// MARK: The frames of RFC 9113, 6

extension Frame {
  static func data(_ stream: UInt32, _ text: String, end: Bool) -> Frame {
    Frame(
      kind: Kind.data, flags: end ? Flag.endStream : 0, stream: stream, payload: Array(text.utf8))
  }

  static func headers(
    _ stream: UInt32, _ block: [UInt8], end: Bool, endHeaders: Bool = true
  ) -> Frame {
    Frame(
      kind: Kind.headers,
      flags: (end ? Flag.endStream : 0) | (endHeaders ? Flag.endHeaders : 0),
      stream: stream, payload: block)
  }

  static func continuation(_ stream: UInt32, _ block: [UInt8], endHeaders: Bool) -> Frame {
    Frame(
      kind: Kind.continuation, flags: endHeaders ? Flag.endHeaders : 0, stream: stream,
      payload: block)
  }

  static func priority(
    _ stream: UInt32, dependsOn parent: UInt32 = 0, weight: UInt8 = 255, exclusive: Bool = false
  ) -> Frame {
    Frame(
      kind: Kind.priority, stream: stream,
      payload: dependency(on: parent, weight: weight, exclusive: exclusive))
  }

  static func dependency(on parent: UInt32, weight: UInt8, exclusive: Bool = false) -> [UInt8] {
    big(parent | (exclusive ? 1 << 31 : 0)) + [weight]
  }

  static func reset(_ stream: UInt32, _ code: Code) -> Frame {
    Frame(kind: Kind.reset, stream: stream, payload: big(code.rawValue))
  }

  static func settings(_ entries: [(Setting, UInt32)]) -> Frame {
    Frame(kind: Kind.settings, payload: entries.flatMap { big($0.0.rawValue) + big($0.1) })
  }

  static let settingsAcknowledgement = Frame(kind: Kind.settings, flags: Flag.acknowledgement)

  static func ping(_ text: StaticString = "8 octets", flags: UInt8 = 0) -> Frame {
    Frame(kind: Kind.ping, flags: flags, payload: Array("\(text)".utf8))
  }

  static func goAway(_ code: Code, stream: UInt32 = 0, reason: String = "") -> Frame {
    Frame(
      kind: Kind.goAway, stream: stream,
      payload: big(UInt32(0)) + big(code.rawValue) + Array(reason.utf8))
  }

  static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> Frame {
    Frame(kind: Kind.windowUpdate, stream: stream, payload: big(increment))
  }

  static func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
  }
}

/// SETTINGS of RFC 9113, 6.5.2, and one that it doesn't know.
enum Setting: UInt16 {
  case headerTableSize = 1
  case enablePush = 2
  case maxConcurrentStreams = 3
  case initialWindowSize = 4
  case maxFrameSize = 5
  case maxHeaderListSize = 6
  case unknown = 0xFF
}

/// Error codes of RFC 9113, 7.
struct Code: RawRepresentable, Sendable, Hashable {
  let rawValue: UInt32

  static let noError = Code(rawValue: 0x0)
  static let protocolError = Code(rawValue: 0x1)
  static let flowControlError = Code(rawValue: 0x3)
  static let streamClosed = Code(rawValue: 0x5)
  static let frameSizeError = Code(rawValue: 0x6)
  static let refusedStream = Code(rawValue: 0x7)
  static let cancel = Code(rawValue: 0x8)
  static let compressionError = Code(rawValue: 0x9)
  static let unknown = Code(rawValue: 0xFF)
}
