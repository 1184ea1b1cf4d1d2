import CNghttp2

/// What a server has said on one connection.
struct Heard: Sendable {
  struct GoAway: Equatable, Sendable {
    let lastStream: Int
    let code: Int
  }

  private(set) var counts: [FrameKind: Int] = [:]
  private(set) var pingAnswers = 0
  private(set) var settingsAnswers = 0
  private(set) var goAway: GoAway?
  /// The highest stream that any frame was about.
  private(set) var highestStream = 0
  /// Header fields of answers, trailers last, by stream.
  private(set) var fields: [Int: [String: String]] = [:]
  /// Error codes of RST_STREAM, by stream.
  private(set) var resets: [Int: Int] = [:]
  private(set) var ended: Set<Int> = []
  private(set) var bodyBytes = 0
  /// Credit that the server has given, by stream; 0 is the connection.
  private(set) var credit: [Int: Int] = [:]

  private var bytes: [UInt8] = []
  private var fieldDecoder: FieldDecoder?

  func count(_ kind: FrameKind) -> Int { counts[kind] ?? 0 }

  /// REFUSED_STREAM or ENHANCE_YOUR_CALM were the answer to the stream.
  func isRefused(_ stream: Int) -> Bool { resets[stream] == 7 || resets[stream] == 11 }

  /// The server has nothing more to say about the stream.
  func isOver(_ stream: Int) -> Bool { ended.contains(stream) || resets[stream] != nil }

  func grpcStatus(_ stream: Int) -> Int? { fields[stream]?["grpc-status"].flatMap { Int($0) } }

  mutating func take(_ received: some Sequence<UInt8>) {
    bytes += received
    var start = 0
    while bytes.count - start >= Frame.headBytes {
      let payload = bytes[start..<start + 3].reduce(0) { $0 << 8 | Int($1) }
      let end = start + Frame.headBytes + payload
      guard bytes.count >= end else { break }
      let stream = Self.integer(bytes[start + 5..<start + 9])
      if let kind = FrameKind(rawValue: bytes[start + 3]) {
        take(kind, bytes[start + 4], stream, bytes[start + Frame.headBytes..<end])
      }
      start = end
    }
    bytes.removeFirst(start)
  }

  private mutating func take(
    _ kind: FrameKind, _ flags: UInt8, _ stream: Int, _ payload: ArraySlice<UInt8>
  ) {
    counts[kind, default: 0] += 1
    highestStream = max(highestStream, stream)
    switch kind {
    case .ping where flags & Frame.acknowledgement != 0: pingAnswers += 1
    case .settings where flags & Frame.acknowledgement != 0: settingsAnswers += 1
    case .goAway where payload.count >= 8:
      goAway = GoAway(
        lastStream: Self.integer(payload.prefix(4)),
        code: Self.integer(payload.dropFirst(4).prefix(4)))
    case .reset: resets[stream] = Self.integer(payload)
    case .windowUpdate: credit[stream, default: 0] += Self.integer(payload)
    case .headers:
      // Most attacks never hear any, and may have thousands of connections.
      let decoder = fieldDecoder ?? FieldDecoder()
      fieldDecoder = decoder
      fields[stream, default: [:]].merge(decoder.decode(payload)) { _, new in new }
    case .data: bodyBytes += payload.count
    default: break
    }
    if kind == .headers || kind == .data, flags & Frame.endStream != 0 { ended.insert(stream) }
  }

  private static func integer(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.reduce(0) { $0 << 8 | Int($1) }
  }
}

/// Reads header blocks that a server sends, which are compressed.
private final class FieldDecoder: @unchecked Sendable {
  // Sendable because a connection is used by one thread after the other.
  private var inflater: OpaquePointer?

  init() { nghttp2_hd_inflate_new(&inflater) }
  deinit { nghttp2_hd_inflate_del(inflater) }

  func decode(_ block: ArraySlice<UInt8>) -> [String: String] {
    var fields: [String: String] = [:]
    block.withUnsafeBufferPointer { buffer in
      var rest = buffer[...]
      while true {
        var field = nghttp2_nv()
        var flags: Int32 = 0
        let read = nghttp2_hd_inflate_hd2(
          inflater, &field, &flags, UnsafeBufferPointer(rebasing: rest).baseAddress, rest.count, 1)
        guard read >= 0 else { return }
        rest = rest.dropFirst(read)
        if UInt32(flags) & NGHTTP2_HD_INFLATE_EMIT.rawValue != 0 {
          fields[Self.text(field.name, field.namelen)] = Self.text(field.value, field.valuelen)
        }
        guard UInt32(flags) & NGHTTP2_HD_INFLATE_FINAL.rawValue == 0 else { break }
        guard read > 0 || UInt32(flags) & NGHTTP2_HD_INFLATE_EMIT.rawValue != 0 else { return }
      }
      nghttp2_hd_inflate_end_headers(inflater)
    }
    return fields
  }

  private static func text(_ start: UnsafeMutablePointer<UInt8>?, _ count: Int) -> String {
    String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }
}
