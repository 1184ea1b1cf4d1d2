import Encodings

/// A path with variables, in the syntax of `google.api.http` as far as Chatelaine's routes use it:
/// `/literal/{variable}`, a custom verb behind the last segment (`{id}:enable`, `ids:test`), and
/// `{rest=**}`
/// as the last segment for everything below.
///
/// A variable matches one non-empty segment without a colon; a colon begins a verb.
package struct PathTemplate: Sendable, Hashable {
  /// Why a template's text is wrong: a bug of whoever wrote it.
  package enum Failure: Error, Hashable {
    case malformed(String)
  }

  package enum Segment: Sendable, Hashable {
    case literal(String)
    case variable(String, verb: String?)
    case rest(String)
  }

  /// A template's variable and what a path has in its place, percent-decoded; a rest stays raw.
  package typealias Variable = (name: String, value: String)

  package let text: String
  package let segments: [Segment]

  package init(_ text: String) throws(Failure) {
    guard text.beginsWithBytes(of: "/") else { throw .malformed(text) }
    let parts = text.dropFirst().split(atByte: "/", omittingEmpty: false)
    var segments: [Segment] = []
    for (index, part) in parts.enumerated() {
      segments.append(try Self.segment(part, isLast: index == parts.count - 1, of: text))
    }
    self.text = text
    self.segments = segments
  }

  /// Whether `{rest=**}` ends the template, so that paths of any greater length match.
  package var hasRest: Bool {
    if case .rest = segments.last { true } else { false }
  }

  /// Sorts literals before verbs before variables before rests, segment by segment, so that the
  /// most specific of several matching templates comes first.
  package var specificity: [Int] {
    segments.map { segment in
      switch segment {
      case .literal: 0
      case .variable(_, verb: .some): 1
      case .variable(_, verb: nil): 2
      case .rest: 3
      }
    }
  }

  /// The variables of `target` when its path matches, else nil.
  package func match(_ target: RequestTarget) -> [Variable]? {
    let path = target.segments
    guard hasRest ? path.count >= segments.count : path.count == segments.count else { return nil }
    var variables: [Variable] = []
    for (index, segment) in segments.enumerated() {
      switch segment {
      case .literal(let literal):
        guard path[index] == literal else { return nil }
      case .variable(let name, let verb):
        guard let value = Self.value(of: path[index], verb: verb) else { return nil }
        variables.append((name, value))
      case .rest(let name):
        variables.append((name, "/" + target.path[path[index].startIndex...]))
      }
    }
    return variables
  }

  private static func value(of segment: Substring, verb: String?) -> String? {
    var raw = segment
    if let verb {
      guard raw.endsWithBytes(of: ":" + verb) else { return nil }
      raw = raw.dropLast(verb.count + 1)
    }
    guard !raw.isEmpty, !raw.utf8.contains(UInt8(ascii: ":")) else { return nil }
    return PercentCoding.decode(raw)
  }

  private static func segment(
    _ part: Substring, isLast: Bool, of text: String
  ) throws(Failure) -> Segment {
    guard part.beginsWithBytes(of: "{") else {
      guard !part.utf8.contains(where: { "{}*".utf8.contains($0) }) else {
        throw .malformed(text)
      }
      // A verb of the thing itself, e.g. `/sessions:deleteOthers`.
      let words = part.split(atByte: ":", omittingEmpty: false)
      guard words.count == 1 || isLast && words.count == 2 && !words.contains(where: \.isEmpty)
      else { throw .malformed(text) }
      return .literal(String(part))
    }
    guard let close = part.utf8.firstIndex(of: UInt8(ascii: "}")) else { throw .malformed(text) }
    let name = part[part.utf8.index(after: part.startIndex)..<close]
    let tail = part[part.utf8.index(after: close)...]
    if name.endsWithBytes(of: "=**") {
      guard isLast, tail.isEmpty else { throw .malformed(text) }
      return .rest(String(name.dropLast(3)))
    }
    guard !name.isEmpty, name.utf8.allSatisfy(isNameByte) else { throw .malformed(text) }
    guard !tail.isEmpty else { return .variable(String(name), verb: nil) }
    guard isLast, tail.beginsWithBytes(of: ":"), tail.count > 1 else { throw .malformed(text) }
    return .variable(String(name), verb: String(tail.dropFirst()))
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
