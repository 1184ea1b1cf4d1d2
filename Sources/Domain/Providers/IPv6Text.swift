/// IPv6 addresses as text: any form of RFC 4291, 2.2 in, the one of RFC 5952 out. No zone ids.
enum IPv6Text {
  static func parse(_ text: Substring) -> [UInt8]? {
    let halves = split(text)
    guard (1...2).contains(halves.count),
      let head = groups(halves[0], mayEndInIPv4: halves.count == 1)
    else { return nil }
    guard halves.count == 2 else { return head.count == 16 ? head : nil }
    // "::" stands for at least one group of zeros.
    guard let tail = groups(halves[1], mayEndInIPv4: true), head.count + tail.count <= 14 else {
      return nil
    }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  static func format(_ bytes: [UInt8]) -> String {
    let groups = stride(from: 0, to: bytes.count - 1, by: 2).map {
      UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1])
    }
    let text = groups.map { String($0, radix: 16) }
    guard let run = longestZeroRun(groups) else { return text.joined(separator: ":") }
    return text[..<run.lowerBound].joined(separator: ":") + "::"
      + text[run.upperBound...].joined(separator: ":")
  }

  /// The parts around "::"; three or more when it occurs twice.
  private static func split(_ text: Substring) -> [Substring] {
    var parts: [Substring] = []
    var start = text.startIndex
    var index = text.startIndex
    while index < text.endIndex {
      let next = text.index(after: index)
      if text[index] == ":", next < text.endIndex, text[next] == ":" {
        parts.append(text[start..<index])
        start = text.index(after: next)
        index = start
      } else {
        index = next
      }
    }
    return parts + [text[start...]]
  }

  private static func groups(_ text: Substring, mayEndInIPv4: Bool) -> [UInt8]? {
    guard !text.isEmpty else { return [] }
    var bytes: [UInt8] = []
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (position, part) in parts.enumerated() {
      if position == parts.count - 1, mayEndInIPv4, part.contains(".") {
        let labels = part.split(separator: ".", omittingEmptySubsequences: false)
        guard let quad = EndpointHost.dottedQuad(labels) else { return nil }
        bytes += quad
      } else {
        guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit),
          let group = UInt16(part, radix: 16)
        else { return nil }
        bytes += [UInt8(group >> 8), UInt8(truncatingIfNeeded: group)]
      }
    }
    return bytes.count <= 16 ? bytes : nil
  }

  /// The first longest run of two or more zero groups (RFC 5952, 4.2).
  private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int>? {
    var best: Range<Int>?
    var start = 0
    while start < groups.count {
      var end = start
      while end < groups.count, groups[end] == 0 { end += 1 }
      if end - start >= 2, end - start > (best?.count ?? 0) { best = start..<end }
      start = max(end, start + 1)
    }
    return best
  }
}
