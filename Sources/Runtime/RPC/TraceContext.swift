import Encodings
import Synchronization

/// The trace to which a call belongs, and whose doing it is: W3C Trace Context's `traceparent` and
/// `tracestate`.
package struct TraceContext: Sendable, Hashable {
  /// The same for all that one request causes, in every service.
  package let traceID: TraceID
  /// The unit of work that made the call; never zero.
  package let spanID: UInt64
  /// Who began the trace wants it recorded.
  package let isSampled: Bool
  package let state: TraceState
  /// The span that this one is a part of; zero for the first of a trace, and for one that came from
  /// elsewhere.
  package let parentSpanID: UInt64

  private init(
    _ traceID: TraceID, spanID: UInt64, parentSpanID: UInt64 = 0, isSampled: Bool,
    state: TraceState
  ) {
    self.traceID = traceID
    self.spanID = spanID
    self.parentSpanID = parentSpanID
    self.isSampled = isSampled
    self.state = state
  }

  /// The beginning of a trace.
  package static func root() -> TraceContext {
    let random = TraceRandom.next()
    return TraceContext(
      TraceID(high: random.0, low: random.1), spanID: random.2, isSampled: false,
      state: TraceState())
  }

  /// Another span of the same trace.
  package func child() -> TraceContext { child(isSampled: isSampled) }

  func child(isSampled: Bool) -> TraceContext {
    TraceContext(
      traceID, spanID: TraceRandom.next().2, parentSpanID: spanID, isSampled: isSampled,
      state: state)
  }

  /// The same, to be recorded.
  func sampled() -> TraceContext {
    TraceContext(
      traceID, spanID: spanID, parentSpanID: parentSpanID, isSampled: true, state: state)
  }
}

/// 16 bytes, not all zero.
package struct TraceID: Sendable, Hashable, CustomStringConvertible {
  package let high: UInt64
  package let low: UInt64

  /// In the 32 hexadecimal digits of `traceparent`.
  package var description: String {
    String(unsafeUninitializedCapacity: 32) { digits in
      Hex.write(high, into: UnsafeMutableRawBufferPointer(digits)[0..<16])
      Hex.write(low, into: UnsafeMutableRawBufferPointer(digits)[16..<32])
      return 32
    }
  }
}

// MARK: On the wire

extension TraceContext {
  static let parentKey = "traceparent"
  static let stateKey = "tracestate"
  /// `00-<trace id>-<span id>-<flags>`.
  private static let parentBytes = 55
  private static let sampledFlag: UInt64 = 1

  /// The context that a call brought; nil when there is none, or one that isn't as it should be:
  /// then a new trace begins.
  package init?(_ metadata: Metadata) {
    guard !metadata.isEmpty else { return nil }
    var parent: TraceContext?
    var parentCount = 0
    var state = TraceState.Parser()
    metadata.forEach { key, value in
      switch key.count {
      case 11 where key.elementsEqual(Self.parentKey.utf8):
        parentCount += 1
        parent = TraceContext(parent: value)
      case 10 where key.elementsEqual(Self.stateKey.utf8): state.append(value)
      default: break
      }
    }
    guard parentCount == 1, let parent else { return nil }
    self.init(
      parent.traceID, spanID: parent.spanID, isSampled: parent.isSampled, state: state.finished())
  }

  /// Reads the value of `traceparent`.
  init?(parent bytes: UnsafeRawBufferPointer) {
    let dash = UInt8(ascii: "-")
    guard bytes.count >= Self.parentBytes, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
      let version = Hex.number(bytes[0..<2]), version != 0xFF,
      // Later versions may have more behind the flags; of what they have in front nothing differs.
      bytes.count == Self.parentBytes || version > 0 && bytes[Self.parentBytes] == dash,
      let high = Hex.number(bytes[3..<19]), let low = Hex.number(bytes[19..<35]),
      high | low != 0, let spanID = Hex.number(bytes[36..<52]), spanID != 0,
      let flags = Hex.number(bytes[53..<55])
    else { return nil }
    self.init(
      TraceID(high: high, low: low), spanID: spanID, isSampled: flags & Self.sampledFlag != 0,
      state: TraceState())
  }

  /// Adds both fields.
  package func append(to metadata: inout Metadata) {
    withUnsafeTemporaryAllocation(byteCount: Self.parentBytes, alignment: 1) { bytes in
      bytes.copyBytes(from: "00-".utf8)
      Hex.write(traceID.high, into: bytes[3..<19])
      Hex.write(traceID.low, into: bytes[19..<35])
      bytes[35] = UInt8(ascii: "-")
      Hex.write(spanID, into: bytes[36..<52])
      bytes[52] = UInt8(ascii: "-")
      Hex.write(isSampled ? Self.sampledFlag : 0, into: bytes[53..<55])
      metadata.store(Self.parentKey.utf8, bytes)
    }
    if !state.text.isEmpty { metadata.store(Self.stateKey.utf8, state.text.utf8) }
  }
}

/// Identifiers of traces and spans.
///
/// The seeds come from the system's random generator; asking it for every call (240 ns for 8 bytes)
/// would cost a fifth of a unary call. Nothing rests on the identifiers being hard to guess.
enum TraceRandom {
  private static let seeds = (
    UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max),
    UInt64.random(in: .min ... .max)
  )
  private static let count = Atomic<UInt64>(0)

  /// Three numbers, none of them zero.
  static func next() -> (UInt64, UInt64, UInt64) {
    // The steps of SplitMix64: an odd constant, so that the sums repeat after 2^64 calls.
    let step = count.wrappingAdd(1, ordering: .relaxed).newValue &* 0x9E37_79B9_7F4A_7C15
    return (mix(seeds.0 &+ step), mix(seeds.1 &+ step), mix(seeds.2 &+ step))
  }

  /// SplitMix64's finaliser: a permutation, but for zero.
  private static func mix(_ value: UInt64) -> UInt64 {
    var value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return max(1, value ^ value >> 31)
  }
}
