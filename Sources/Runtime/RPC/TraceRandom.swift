internal import Synchronization

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
