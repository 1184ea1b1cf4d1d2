import RPC
import Testing

/// The values of https://www.w3.org/TR/trace-context/ and what its test suite sends.
@Suite struct TraceContextTests {
  private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  private func trace(_ parent: String, state: [String] = []) throws -> TraceContext? {
    var metadata = try Metadata(texts: ["before": "x", "traceparent": parent])
    for value in state { try metadata.append(value, forKey: "tracestate") }
    return TraceContext(metadata)
  }

  @Test func theExampleOfTheStandardIsRead() throws {
    let trace = try #require(try trace(Self.parent))
    #expect(trace.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(trace.spanID == 0x00f0_67aa_0ba9_02b7)
    #expect(trace.isSampled)
    #expect(trace.state.text == "")
  }

  @Test func whatIsSentIsWhatWasRead() throws {
    for parent in [Self.parent, String(Self.parent.dropLast()) + "0"] {
      var metadata = Metadata()
      try #require(try trace(parent, state: ["a=1"])).append(to: &metadata)
      #expect(metadata["traceparent"] == parent)
      #expect(metadata["tracestate"] == "a=1")
    }
  }

  @Test(arguments: [
    "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
    // Version 0 has nothing behind the flags, no version is ff.
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", "\(parent)-what",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    // A later version has a dash there.
    "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
    // Identifiers that are nobody's.
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    // Upper case, other characters, other lengths.
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bX-01",
    "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
    "00-4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-0101",
    "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
    " \(parent)",
  ])
  func anythingElseIsNoParent(_ parent: String) throws {
    #expect(try trace(parent, state: ["a=1"]) == nil)
  }

  @Test(arguments: ["", "-", "-what-the-future-will-be-like"])
  func laterVersionsAreReadAsFarAsTheyAreKnown(_ rest: String) throws {
    let parent = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff" + rest
    let trace = try #require(try trace(parent))
    #expect(trace.spanID == 0x00f0_67aa_0ba9_02b7)
    var metadata = Metadata()
    trace.append(to: &metadata)
    #expect(metadata["traceparent"] == Self.parent)
  }

  @Test func ofTwoParentsNoneIsBelieved() throws {
    #expect(
      TraceContext(
        try Metadata(texts: ["traceparent": Self.parent, "traceparent": Self.parent])) == nil)
  }

  @Test(arguments: [
    (["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"], "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
    // Several fields are one list, members may be empty and have blanks around them.
    (["a=1", "b=2 , c=3"], "a=1,b=2,c=3"), ([" a=1 ,, ,b=x y"], "a=1,b=x y"), ([""], ""),
    (["fw529a3039@dt=FfAA!,0a_-*/=~"], "fw529a3039@dt=FfAA!,0a_-*/=~"),
    // One fault spoils the list: no value, no key, a key twice, other characters.
    (["a=1,b"], ""), (["a=1,b="], ""), (["a=1,=b"], ""), (["a=1", "a=2"], ""), (["A=1"], ""),
    (["a =1"], ""), (["a=1=2"], ""), (["@a=1"], ""),
    ([String(repeating: "k", count: 256) + "=1"], String(repeating: "k", count: 256) + "=1"),
    ([String(repeating: "k", count: 257) + "=1"], ""),
    (["a=" + String(repeating: "v", count: 256)], "a=" + String(repeating: "v", count: 256)),
    (["a=" + String(repeating: "v", count: 257)], ""),
  ])
  func stateIsHandedOnIfItIsInOrder(_ fields: [String], _ text: String) throws {
    #expect(try trace(Self.parent, state: fields)?.state.text == text)
  }

  @Test func stateIsBounded() throws {
    let members = (0..<32).map { "k\($0)=v" }
    #expect(
      try trace(Self.parent, state: members)?.state.text == members.joined(separator: ","))
    #expect(try trace(Self.parent, state: members + ["more=v"])?.state.text == "")
    // Over 512 bytes: long members go first, the last of them first, then whatever is last.
    let (long, short) = (String(repeating: "l", count: 200), String(repeating: "s", count: 100))
    #expect(
      try trace(
        Self.parent, state: ["a=\(short)", "b=\(long)", "c=\(short)", "d=\(long)"])?.state.text
        == "a=\(short),b=\(long),c=\(short)")
    #expect(
      try trace(Self.parent, state: (0..<6).map { "k\($0)=\(short)" })?.state.text
        == (0..<4).map { "k\($0)=\(short)" }.joined(separator: ","))
  }

  /// What peers send may refuse a trace, and nothing more.
  @Test func noPieceOfAFieldDoesHarm() throws {
    let state = "a=1, ,\u{20}\u{20},b@c=x y ,=,@,k=,  "
    for end in 0...Self.parent.utf8.count {
      _ = try trace(String(Self.parent.prefix(end)))
      _ = try trace(String(Self.parent.dropFirst(end)))
    }
    for start in 0..<state.count {
      for length in 0...(state.count - start) {
        let piece = String(state.dropFirst(start).prefix(length))
        #expect(try trace(Self.parent, state: [piece, "z=1"]) != nil)
      }
    }
  }

  @Test func everyTraceAndSpanIsNew() {
    let roots = (0..<1000).map { _ in TraceContext.root() }
    #expect(Set(roots.map(\.traceID)).count == roots.count)
    #expect(Set(roots.map(\.traceID.high)).count == roots.count)
    let children = roots.map { $0.child() }
    #expect(children.map(\.traceID) == roots.map(\.traceID))
    #expect(Set((roots + children).map(\.spanID)).count == 2000)
  }
}
