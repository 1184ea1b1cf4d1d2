/// A rule of RFC 9113 or RFC 7541, with what a client does to test it.
struct Rule: Sendable, CustomStringConvertible {
  enum Step: Sendable {
    case send([Frame])
    /// Bytes that are no whole frame.
    case sendBytes([UInt8])
    case expect(Expectation)
  }

  /// How the frames of a step travel: servers are to treat both alike.
  enum Delivery: CaseIterable, Sendable {
    /// In one write.
    case together
    /// Each once the server is done with the one before, as far as a PING can tell.
    case apart
  }

  /// The case of h2spec that tests the same, if there is one.
  let h2spec: String?
  let section: String
  let words: String
  let steps: [Step]
  let greets: Bool

  /// `section` is one of RFC 9113 unless it names another document.
  init(
    _ h2spec: String?, _ section: String, _ words: String, greets: Bool = true, _ steps: [Step]
  ) {
    self.h2spec = h2spec
    self.section = section
    self.words = words
    self.greets = greets
    self.steps = steps
  }

  /// The usual rule: some frames, one answer.
  init(
    _ h2spec: String?, _ section: String, _ words: String, _ frames: [Frame],
    _ expectation: Expectation
  ) {
    self.init(h2spec, section, words, [.send(frames), .expect(expectation)])
  }

  var description: String { "\(section): \(words)\(h2spec.map { " [\($0)]" } ?? "")" }
}

/// A rule that was broken, and how that showed.
struct BrokenRule: Error, CustomStringConvertible {
  let expected: Expectation
  let seen: [Observation]

  var description: String {
    let frames = seen.map { observation in
      guard case .frame(let frame) = observation else { return "\(observation)" }
      let tail = frame.kind == Frame.Kind.goAway ? " \(frame.number(at: 4))" : ""
      let code = frame.kind == Frame.Kind.reset ? " \(frame.number(at: 0))" : ""
      return "type \(frame.kind) flags \(frame.flags) stream \(frame.stream) "
        + "length \(frame.payload.count)\(tail)\(code)"
    }
    return "expected \(expected), saw [\(frames.joined(separator: ", "))]"
  }
}

/// One rule on one connection.
struct Trial {
  private static let probe = Frame.ping("probing.")

  let connection: RawConnection
  let delivery: Rule.Delivery

  func run(_ rule: Rule) async throws {
    if rule.greets { try await greet() }
    for step in rule.steps {
      switch step {
      case .send(let frames): try await send(frames)
      case .sendBytes(let bytes): await connection.send(bytes)
      case .expect(let expectation): try await expect(expectation)
      }
    }
  }

  /// Both sides' SETTINGS and acknowledgements.
  private func greet() async throws {
    await connection.send(
      RawConnection.preface + Frame.settings([(.initialWindowSize, 65_535)]).bytes)
    try await expect(.settings)
    await connection.send(Frame.settingsAcknowledgement.bytes)
    try await expect(.settingsAcknowledgement)
  }

  private func send(_ frames: [Frame]) async throws {
    guard delivery == .apart else {
      return await connection.send(frames.flatMap { $0.bytes })
    }
    var isInBlock = false
    for (index, frame) in frames.enumerated() {
      await connection.send(frame.bytes)
      switch frame.kind {
      case Frame.Kind.headers, Frame.Kind.continuation, Frame.Kind.pushPromise:
        isInBlock = !frame.has(Frame.Flag.endHeaders)
      default: break
      }
      // Nothing may come between the parts of a header block (RFC 9113, 4.3).
      if index < frames.count - 1, !isInBlock { try await settle() }
    }
  }

  /// Waits until the server has answered a PING; what else it says is kept for later.
  private func settle() async throws {
    await connection.send(Self.probe.bytes)
    var others: [Observation] = []
    while true {
      let observation = try await connection.next()
      if case .frame(let frame) = observation, frame.payload == Self.probe.payload { break }
      others.append(observation)
      guard case .frame = observation else { break }
    }
    try await connection.putBack(others)
  }

  private func expect(_ expectation: Expectation) async throws {
    var seen: [Observation] = []
    var goAway: Code?
    while true {
      let observation = try await connection.next()
      seen.append(observation)
      switch expectation.verdict(on: observation, after: goAway) {
      case .kept: return
      case .broken: throw BrokenRule(expected: expectation, seen: seen)
      case .undecided: break
      }
      if case .frame(let frame) = observation, frame.kind == Frame.Kind.goAway {
        goAway = Code(rawValue: frame.number(at: 4))
      }
    }
  }
}

extension Rule {
  static let all =
    accepted + framing + allOfStreams + allOfFrames + flowControl + messages + hpackAccepted
    + hpackRefused
  static let allOfStreams =
    idleStreams + endedStreams + lateFrames + streamIdentifiers + errorsAndExtensions
  static let allOfFrames =
    dataAndHeaders + settingsFrames + pingAndGoAway + continuationFrames
}
