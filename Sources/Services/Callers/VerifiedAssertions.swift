import FoundationEssentials
import Identity
import Synchronization

/// What a signed assertion says, once its signature, form and audience were found right.
struct VerifiedAssertion: Sendable {
  let caller: Caller
  /// Nil for all, from an `auth` or for a gateway from before there were purposes.
  let methods: MethodClass?
  /// Nil for anybody, from an `auth` from before.
  let holder: AssertionHolder?
  let issueTime: Date
  let expireTime: Date
}

/// Assertions whose signatures were verified, by their SHA-256, because a gateway sends the same
/// one with every call of a minute.
///
/// Whether one is valid now is asked at each use. Two generations stand for the order of use: the
/// older one is dropped whole when the younger is full, and with it what has long ended.
final class VerifiedAssertions: Sendable {
  static let countMax = 4_096

  private struct Generations {
    /// Of the keys that they were verified with.
    var keysVersion = 0
    var young: [[UInt8]: VerifiedAssertion] = [:]
    var old: [[UInt8]: VerifiedAssertion] = [:]
  }

  private let countMax: Int
  private let generations = Mutex(Generations())

  init(countMax: Int = VerifiedAssertions.countMax) {
    self.countMax = max(2, countMax)
  }

  /// How many are held.
  var count: Int { generations.withLock { $0.young.count + $0.old.count } }

  /// The assertion with this digest, or what `verify` makes of it; a refused one is not kept.
  ///
  /// - Parameter keysVersion: of the keys that count now: what was verified with others is
  ///   forgotten.
  func assertion(
    _ digest: [UInt8], keysVersion: Int = 0,
    verify: () throws(AssertionError) -> VerifiedAssertion
  ) throws(AssertionError) -> VerifiedAssertion {
    let held = generations.withLock { generations -> VerifiedAssertion? in
      if generations.keysVersion != keysVersion {
        generations = Generations(keysVersion: keysVersion)
      }
      if let assertion = generations.young[digest] { return assertion }
      guard let assertion = generations.old.removeValue(forKey: digest) else { return nil }
      insert(assertion, digest, into: &generations)
      return assertion
    }
    if let held { return held }
    let assertion = try verify()
    generations.withLock { insert(assertion, digest, into: &$0) }
    return assertion
  }

  func remove(_ digest: [UInt8]) {
    generations.withLock { generations in
      generations.young[digest] = nil
      generations.old[digest] = nil
    }
  }

  private func insert(
    _ assertion: VerifiedAssertion, _ digest: [UInt8], into generations: inout Generations
  ) {
    if generations.young.count >= countMax / 2 {
      generations.old = generations.young
      generations.young = [:]
    }
    generations.young[digest] = assertion
  }
}
