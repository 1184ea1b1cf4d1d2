/// Templates that know each other by name, and what draws them.
struct TemplateLibrary: Sendable {
  /// Deeper is a template that draws itself: a bug, which must not end the process.
  static let depthMax = 64

  private var templates: [String: Template] = [:]

  /// Throws `Template.Malformed`.
  mutating func register(_ text: String, named name: String) throws(Template.Malformed) {
    templates[name] = try Template(text)
  }

  /// Nil for a name that nobody registered.
  ///
  /// - Parameter content: what the template's names refer to: a dictionary or a value with
  ///   properties. A name that it hasn't is looked for in what is around.
  func render(_ content: Any, withTemplate name: String) -> String? {
    guard let template = templates[name] else { return nil }
    var drawing = Drawing(templates: templates)
    drawing.draw(template.parts, [content], depth: 0)
    return drawing.text
  }

  /// One page while it is drawn.
  private struct Drawing {
    let templates: [String: Template]
    var text = ""

    /// - Parameter around: what names refer to, the innermost last.
    mutating func draw(_ parts: [Template.Part], _ around: [Any], depth: Int) {
      for part in parts {
        switch part {
        case .text(let part): text += part
        case .value(let path, let isEscaped):
          guard let value = TemplateValue.find(path, in: around) else { continue }
          let shown = (value as? String) ?? String(describing: value)
          text += isEscaped ? EscapedHTML.escape(shown) : shown
        case .section(let path, let isInverted, let parts):
          draw(parts, of: TemplateValue.find(path, in: around), isInverted, around, depth: depth)
        case .partial(let name):
          guard depth < TemplateLibrary.depthMax, let template = templates[name] else { continue }
          draw(template.parts, around, depth: depth + 1)
        }
      }
    }

    private mutating func draw(
      _ parts: [Template.Part], of value: Any?, _ isInverted: Bool, _ around: [Any], depth: Int
    ) {
      switch (value, isInverted) {
      case (nil, let isInverted): if isInverted { draw(parts, around, depth: depth) }
      case (let flag as Bool, _): if flag != isInverted { draw(parts, around, depth: depth) }
      case (let list as [Any], true): if list.isEmpty { draw(parts, around, depth: depth) }
      case (let list as [Any], false):
        for element in list { draw(parts, around + [element], depth: depth) }
      case (_, true): break
      case (let value?, false): draw(parts, around + [value], depth: depth)
      }
    }
  }
}

/// What a template's names refer to, without its type.
enum TemplateValue {
  /// What a path leads to: the innermost of `around` itself for an empty one. Nil when it isn't
  /// there, or there but nil.
  static func find(_ path: Template.Path, in around: [Any]) -> Any? {
    guard let first = path.first else { return around.last.flatMap(present) }
    var found: Any?
    for value in around.reversed() {
      found = child(first, of: value)
      if found != nil { break }
    }
    for name in path.dropFirst() { found = found.flatMap { child(name, of: $0) } }
    return found
  }

  private static func child(_ name: String, of value: Any) -> Any? {
    if let dictionary = value as? [String: Any] { return dictionary[name].flatMap(present) }
    return Mirror(reflecting: value).children.first { $0.label == name }.flatMap {
      present($0.value)
    }
  }

  /// Unwraps optionals.
  static func present(_ value: Any) -> Any? {
    guard let optional = value as? any OptionalValue else { return value }
    return optional.wrappedValue.flatMap(present)
  }
}

/// Escapes what a page shows, byte by byte: a `<` with U+0600 before or U+0301 behind it is another
/// `Character` than `<`, and would stay markup for the browser.
enum EscapedHTML {
  static func escape(_ text: String) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "<"): bytes += "&lt;".utf8
      case UInt8(ascii: ">"): bytes += "&gt;".utf8
      case UInt8(ascii: "&"): bytes += "&amp;".utf8
      case UInt8(ascii: "\""): bytes += "&quot;".utf8
      case UInt8(ascii: "'"): bytes += "&#39;".utf8
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Lets an optional be unwrapped without knowing its type.
protocol OptionalValue {
  var wrappedValue: Any? { get }
}

extension Optional: OptionalValue {
  var wrappedValue: Any? { self }
}
