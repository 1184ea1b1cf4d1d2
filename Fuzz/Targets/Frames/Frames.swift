import Fuzzing
import HTTP2

/// A peer that sends what it likes, to a server's session and to a client's.
@main
enum FramesTarget: FuzzTarget {
  static func test(_ input: inout Input) {
    let setup = input.byte()
    let role: HTTP2Session.Role = setup & 1 == 0 ? .server : .client
    let limits = setup & 2 == 0 ? HTTP2Limits() : .tight
    if setup & 4 == 0 {
      RawBytes.check(role, limits, &input)
    } else {
      FrameScript.run(role, limits, &input)
    }
  }
}

extension HTTP2Limits {
  /// Limits that a short input can reach.
  fileprivate static var tight: HTTP2Limits {
    var limits = HTTP2Limits()
    limits.concurrentStreamsMax = 3
    limits.headerListBytesMax = 300
    limits.streamWindowBytes = 100
    limits.connectionWindowBytes = 70_000
    limits.peerResetsBurst = 4
    limits.peerResetsPerSecond = 0
    limits.outboundAcknowledgementsMax = 8
    limits.settingsEntriesMax = 4
    limits.continuationsMax = 2
    return limits
  }
}
