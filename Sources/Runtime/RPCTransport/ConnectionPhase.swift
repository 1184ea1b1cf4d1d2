/// How far the end of a connection has come; each event says what is to be done about it.
///
///     open ──> announced ──> drained ──┐
///       │          │            │      ├──> closing
///       └──────────┴── cut <────┴──────┘
struct ConnectionPhase: ~Copyable {
  private enum State {
    case open
    /// The client was told to go elsewhere, and may have sent more calls before it heard that.
    case announced
    /// It was told which of its calls are the last.
    case drained
    /// It was told that it misbehaves.
    case cut
    /// Nothing more is read or written, but for the last words.
    case closing
  }

  enum Drain: Equatable {
    case nothing
    /// Say that the connection will end: RFC 9113, 6.8.
    case announce
    /// There is nobody to talk to yet.
    case close
  }

  enum Ending: Equatable {
    /// When the peer has closed too, or after a while.
    case politely
    /// What the peer still sends is not listened to.
    case abruptly
  }

  private var state = State.open

  var isClosing: Bool { state == .closing }
  /// The end was wanted by this side.
  var isDraining: Bool { state == .announced || state == .drained }

  /// The connection should end when its calls have; `hasSession` says whether there can be any.
  mutating func drain(hasSession: Bool) -> Drain {
    guard state == .open else { return .nothing }
    state = .announced
    return hasSession ? .announce : .close
  }

  /// The client has seen the announcement, or has had the time to; true when it is to be told its
  /// last call now.
  mutating func announcementWasSeen() -> Bool {
    guard state == .announced else { return false }
    state = .drained
    return true
  }

  /// The peer does what it must not; true when it is to be told so now.
  mutating func cut() -> Bool {
    guard state != .cut, state != .closing else { return false }
    state = .cut
    return true
  }

  /// Everything is said, or nothing more can be; nil when the connection is closing already.
  mutating func close() -> Ending? {
    guard state != .closing else { return nil }
    defer { state = .closing }
    return state == .cut ? .abruptly : .politely
  }

  /// The channel is closed, by whichever side.
  mutating func channelEnded() {
    state = .closing
  }
}
