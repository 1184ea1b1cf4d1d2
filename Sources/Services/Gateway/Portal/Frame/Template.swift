/// A page's template: Mustache (mustache(5)) as far as pages need it.
///
/// `{{name}}` escaped, `{{{name}}}` as it is, `{{.}}` the current value, `{{#name}}…{{/name}}` for
/// each of a list, or with a value, or if true, `{{^name}}…{{/name}}` otherwise, `{{>name}}`
/// another template, `{{! comment }}`. A line with nothing but one of the last four is none. What
/// else Mustache has is refused.
struct Template: Sendable {
  /// Why a text is no template: a bug of the build.
  enum Malformed: Error, Equatable {
    case unclosedTag(line: Int)
    case unknownTag(String, line: Int)
    case unclosedSection(String)
    case wrongEnd(String, line: Int)
  }

  /// What a name refers to: a value and properties of properties of it; nothing for `.`.
  typealias Path = [String]

  indirect enum Part: Sendable {
    case text(String)
    case value(Path, isEscaped: Bool)
    /// `isInverted`: drawn when there is nothing.
    case section(Path, isInverted: Bool, [Part])
    case partial(String)
  }

  let parts: [Part]

  init(_ text: String) throws(Malformed) {
    var parser = TemplateParser(text)
    parts = try parser.parse()
  }
}

/// Reads a template from its bytes.
struct TemplateParser {
  private struct Tag {
    let kind: UInt8
    let name: String
    let start: Int
    let end: Int

    /// `a.b` in its parts; empty for `.`.
    var path: Template.Path {
      name.utf8.split(separator: UInt8(ascii: ".")).map { String(Substring($0)) }
    }
  }

  private struct OpenSection {
    let name: String
    let path: Template.Path
    let isInverted: Bool
    var parts: [Template.Part] = []
  }

  private static let newline = UInt8(ascii: "\n")
  /// Of tags that draw nothing where they stand.
  private static let standaloneKinds = Set("#^/>!".utf8)
  private static let kinds = Set("#^/>!{".utf8)
  /// Of Mustache, but not of ours.
  private static let foreignKinds = Set("&=%$<*".utf8)

  private let bytes: [UInt8]
  private var position = 0
  private var stack = [OpenSection(name: "", path: [], isInverted: false)]

  init(_ text: String) {
    bytes = Array(text.utf8)
  }

  mutating func parse() throws(Template.Malformed) -> [Template.Part] {
    while let tag = try nextTag() {
      let (textEnd, next) = extent(of: tag)
      add(text: position..<textEnd)
      position = next
      try add(tag)
    }
    add(text: position..<bytes.count)
    guard stack.count == 1 else { throw .unclosedSection(stack[stack.count - 1].name) }
    return stack[0].parts
  }

  // MARK: Tags

  /// The next one at or behind `position`.
  private func nextTag() throws(Template.Malformed) -> Tag? {
    guard let start = find("{{", from: position) else { return nil }
    var nameStart = start + 2
    guard nameStart < bytes.count else { throw .unclosedTag(line: line(of: start)) }
    var kind = bytes[nameStart]
    if Self.foreignKinds.contains(kind) {
      throw .unknownTag(String(Unicode.Scalar(kind)), line: line(of: start))
    }
    if Self.kinds.contains(kind) { nameStart += 1 } else { kind = 0 }
    let mark = kind == UInt8(ascii: "{") ? "}}}" : "}}"
    guard let nameEnd = find(mark, from: nameStart) else {
      throw .unclosedTag(line: line(of: start))
    }
    let name = bytes[nameStart..<nameEnd].filter { !isBlank($0) }
    return Tag(
      kind: kind, name: String(decoding: name, as: UTF8.self), start: start,
      end: nameEnd + mark.utf8.count)
  }

  /// Where the text in front of a tag ends and the text behind begins: a tag that stands alone
  /// takes its line with it.
  private func extent(of tag: Tag) -> (textEnd: Int, next: Int) {
    guard Self.standaloneKinds.contains(tag.kind) else { return (tag.start, tag.end) }
    var first = tag.start
    while first > position, isBlank(bytes[first - 1]) { first -= 1 }
    var next = tag.end
    while next < bytes.count, isBlank(bytes[next]) { next += 1 }
    let beginsLine = first == 0 || bytes[first - 1] == Self.newline
    let endsLine = next == bytes.count || bytes[next] == Self.newline
    guard beginsLine, endsLine else { return (tag.start, tag.end) }
    return (first, min(next + 1, bytes.count))
  }

  private mutating func add(_ tag: Tag) throws(Template.Malformed) {
    switch tag.kind {
    case UInt8(ascii: "!"): break
    case UInt8(ascii: ">"): add(.partial(tag.name))
    case UInt8(ascii: "#"): open(tag, isInverted: false)
    case UInt8(ascii: "^"): open(tag, isInverted: true)
    case UInt8(ascii: "/"):
      guard stack.count > 1, stack[stack.count - 1].name == tag.name else {
        throw .wrongEnd(tag.name, line: line(of: tag.start))
      }
      let section = stack.removeLast()
      add(.section(section.path, isInverted: section.isInverted, section.parts))
    case UInt8(ascii: "{"): add(.value(tag.path, isEscaped: false))
    default: add(.value(tag.path, isEscaped: true))
    }
  }

  private mutating func open(_ tag: Tag, isInverted: Bool) {
    stack.append(OpenSection(name: tag.name, path: tag.path, isInverted: isInverted))
  }

  private mutating func add(text range: Range<Int>) {
    if !range.isEmpty { add(.text(String(decoding: bytes[range], as: UTF8.self))) }
  }

  private mutating func add(_ part: Template.Part) {
    stack[stack.count - 1].parts.append(part)
  }

  // MARK: Bytes

  private func find(_ mark: String, from start: Int) -> Int? {
    let mark = Array(mark.utf8)
    guard bytes.count - mark.count >= start else { return nil }
    return (start...bytes.count - mark.count).first {
      bytes[$0..<$0 + mark.count].elementsEqual(mark)
    }
  }

  private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == 0x09 }

  private func line(of position: Int) -> Int {
    1 + bytes[..<position].count { $0 == Self.newline }
  }
}
