import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import Egress

/// What a provider must not do by HTTP/2, and what we make of it: never a trap.
@Suite(.timeLimit(.minutes(2))) struct HTTP2HostileTests {
  typealias Peer = HTTP2Peer

  /// A name for the report, and what is said to the request on this stream.
  struct Attack: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: @Sendable (Int) -> [UInt8]

    init(_ name: String, _ bytes: @escaping @Sendable (Int) -> [UInt8]) {
      (testDescription, self.bytes) = (name, bytes)
    }
  }

  private static let ok = [(":status", "200")]
  private static let huge = String(repeating: "x", count: 15_000)

  /// Answers that are none.
  static let malformedHeads =
    ["1000", "-5", "", "99", "0", "abc", "2x0", "099", "000", "101", "99999999999999999999"].map {
      status in
      Attack("status \(status.debugDescription)") {
        Peer.headers($0, [(":status", status)], ends: true)
      }
    } + [
      Attack("no status") { Peer.headers($0, [("x", "y")], ends: true) },
      Attack("two statuses") { Peer.headers($0, ok + ok, ends: true) },
      Attack("status behind a field") { Peer.headers($0, [("x", "y")] + ok, ends: true) },
      Attack("a pseudo-header field of requests") {
        Peer.headers($0, ok + [(":path", "/")], ends: true)
      },
      Attack("an unknown pseudo-header field") {
        Peer.headers($0, ok + [(":x", "/")], ends: true)
      },
      Attack("an upper-case name") { Peer.headers($0, ok + [("X-One", "1")], ends: true) },
      Attack("an empty name") { Peer.headers($0, ok + [("", "1")], ends: true) },
      Attack("a line break in a value") { Peer.headers($0, ok + [("x", "a\r\nb: c")], ends: true) },
      Attack("connection") { Peer.headers($0, ok + [("connection", "close")], ends: true) },
      Attack("transfer-encoding") {
        Peer.headers($0, ok + [("transfer-encoding", "chunked")], ends: true)
      },
      Attack("upgrade") { Peer.headers($0, ok + [("upgrade", "x")], ends: true) },
      Attack("a length that isn't one") {
        Peer.headers($0, ok + [("content-length", "-1")], ends: true)
      },
      Attack("two lengths") {
        Peer.headers($0, ok + [("content-length", "1"), ("content-length", "2")], ends: false)
      },
      Attack("an interim answer at the end") {
        Peer.headers($0, [(":status", "103")], ends: true)
      },
      Attack("a body without a head") { Peer.data($0, "ok", ends: true) },
      Attack("too many fields") {
        Peer.headers($0, ok + Array(repeating: ("x", "y"), count: 300), ends: true)
      },
      Attack("interim answers without end") { stream in
        Array(
          repeatElement(Peer.headers(stream, [(":status", "103")]), count: 1_100).joined())
      },
      Attack("fields without end") { stream in
        Peer.frame(Peer.Kind.headers, stream, ok.flatMap(Peer.field))
          + (0..<12).flatMap { _ in
            Peer.frame(Peer.Kind.continuation, stream, Peer.field("x", huge))
          }
      },
      Attack("a field that the table doesn't have") {
        Peer.frame(Peer.Kind.headers, $0, [0xFF, 0xFF, 0x7F], flags: 0x5)
      },
      Attack("a push") {
        Peer.frame(Peer.Kind.pushPromise, $0, [0, 0, 0, 2] + Peer.field(":path", "/"), flags: 0x4)
      },
      Attack("an answer on a stream that wasn't opened") { Peer.headers($0 + 2, ends: true) },
      Attack("an answer on the connection") { _ in Peer.headers(0, ends: true) },
      Attack("a frame that is too large") {
        Peer.frame(Peer.Kind.data, $0, [UInt8](repeating: 0, count: 20_000))
      },
      Attack("padding that is longer than its frame") {
        Peer.headers($0) + Peer.frame(Peer.Kind.data, $0, [200, 0], flags: 0x8)
      },
      Attack("settings of a broken length") { _ in Peer.frame(Peer.Kind.settings, 0, [0]) },
      Attack("a window that overflows") {
        Peer.frame(Peer.Kind.windowUpdate, $0, [0x7F, 0xFF, 0xFF, 0xFF])
          + Peer.frame(Peer.Kind.windowUpdate, $0, [0x7F, 0xFF, 0xFF, 0xFF])
      },
      Attack("a ping of a broken length") { _ in Peer.frame(Peer.Kind.ping, 0, [1]) },
      Attack("a value that isn't UTF-8") { stream in
        let block = ok.flatMap(Peer.field) + [0, 1, UInt8(ascii: "x"), 2, 0xE9, 0xFF]
        return Peer.frame(Peer.Kind.headers, stream, block, flags: 0x5)
      },
      Attack("nonsense") { _ in [UInt8](repeating: 0xFF, count: 64) },
      Attack("HTTP/1.1") { _ in Array("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".utf8) },
      Attack("pings without end") { _ in
        Array(
          repeatElement(Peer.frame(Peer.Kind.ping, 0, .init(repeating: 0, count: 8)), count: 9_500)
            .joined())
      },
      Attack("settings without end") { _ in
        Array(repeatElement(Peer.frame(Peer.Kind.settings, 0), count: 9_500).joined())
      },
      Attack("empty data without end") { stream in
        Peer.headers(stream)
          + Array(repeatElement(Peer.frame(Peer.Kind.data, stream), count: 9_500).joined())
      },
      Attack("resets without end") { _ in
        Array(repeatElement(Peer.frame(Peer.Kind.reset, 1, [0, 0, 0, 8]), count: 9_500).joined())
      },
    ]

  @Test(arguments: malformedHeads)
  func whatIsNoAnswerEndsItsRequestAndTheNextOneIsAnswered(attack: Attack) async throws {
    let http2 = try HTTP2Rig()
    try await http2.run { peer in
      guard let stream = try await peer.request() else { return }
      if peer.connection.index == 0 { try await peer.send(attack.bytes(stream)) }
      guard peer.connection.index > 0 else {
        // Whether the connection goes on is the client's to say.
        return try await peer.answerAll { try await $0.ok($1) }
      }
      try await peer.ok(stream)
      try await peer.answerAll { try await $0.ok($1) }
    } _: { upstream, endpoint, _ async throws in
      let error = try await http2.rig.failure(upstream, to: endpoint)
      let kinds = ["malformedAnswer", "brokenOff", "unreadableField", "closedBeforeAnswer"]
      #expect(kinds.contains { error.is($0) }, "\(String(describing: error))")
      #expect(try await http2.get(upstream, endpoint) == "ok")
    }
  }

  @Test(arguments: [
    Attack("a body that is shorter than its length") {
      Peer.headers($0, ok + [("content-length", "5")]) + Peer.data($0, "ok", ends: true)
    },
    Attack("a body that is longer than its length") {
      Peer.headers($0, ok + [("content-length", "1")]) + Peer.data($0, "ok", ends: true)
    },
    Attack("a status behind the body") {
      Peer.headers($0) + Peer.data($0, "ok") + Peer.headers($0, ok, ends: true)
    },
    Attack("trailers that aren't the end") {
      Peer.headers($0) + Peer.data($0, "ok") + Peer.headers($0, [("x", "y")])
    },
    Attack("an interim answer behind the answer") {
      Peer.headers($0) + Peer.headers($0, [(":status", "103")]) + Peer.data($0, "ok", ends: true)
    },
    Attack("a reset in the middle") {
      Peer.headers($0) + Peer.data($0, "ok") + Peer.frame(Peer.Kind.reset, $0, [0, 0, 0, 0])
    },
  ])
  func anAnswerThatTurnsBadIsBrokenOff(attack: Attack) async throws {
    let http2 = try HTTP2Rig()
    try await http2.run { peer in
      guard let stream = try await peer.request() else { return }
      try await peer.send(attack.bytes(stream))
      await peer.connection.waitForClose()
    } _: { upstream, endpoint, _ async throws in
      let error = try await http2.rig.failure(upstream, to: endpoint)
      #expect(error.is("brokenOff"))
    }
  }

  /// nghttp2 drops what comes behind the end, or ends the connection for it.
  @Test(arguments: [
    Attack("more of the body") { Peer.data($0, "more") },
    Attack("another answer") { Peer.headers($0, ends: true) },
    Attack("credit") { Peer.frame(Peer.Kind.windowUpdate, $0, [0, 0, 0, 1]) },
    Attack("a reset") { Peer.frame(Peer.Kind.reset, $0, [0, 0, 0, 0]) },
  ])
  func whatComesBehindTheEndChangesNothing(attack: Attack) async throws {
    let http2 = try HTTP2Rig()
    try await http2.run { peer in
      try await peer.answerAll { peer, stream in
        try await peer.send(
          Peer.headers(stream) + Peer.data(stream, "ok", ends: true) + attack.bytes(stream))
      }
    } _: { upstream, endpoint, _ async throws in
      for _ in 0..<3 {
        #expect(try await http2.get(upstream, endpoint) == "ok")
      }
    }
  }

  @Test func bytesThatNobodyAskedForEndAConnection() async throws {
    let http2 = try HTTP2Rig()
    try await http2.run { peer in
      guard let stream = try await peer.request() else { return }
      try await peer.ok(stream)
      guard peer.connection.index == 0 else {
        return try await peer.answerAll { try await $0.ok($1) }
      }
      let unknown = Peer.frame(0xBB, 0, [UInt8](repeating: 0, count: 16_000))
      while true { try await peer.send(unknown) }
    } _: { upstream, endpoint, server async throws in
      while server.connectionCount < 2 {
        _ = try? await http2.get(upstream, endpoint)
      }
    }
  }
}
