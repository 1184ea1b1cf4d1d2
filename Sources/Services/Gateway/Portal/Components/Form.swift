import Edge
import HTTPTypes

/// A text field of a form, as the template draws it.
struct Field: Sendable {
  let name: String
  let label: String
  var type = "text"
  var value = ""
  var hint: String?
  var autocomplete = "off"
  var isOptional = false
  /// A key or token: shown as discs, and not by the field for passwords, whose content browsers
  /// and password managers would keep as this site's password.
  let isSecret: Bool
  /// Takes the room that is left in a line of filters.
  var isWide = false
  var placeholder: String?
  /// No capitals and no spelling corrections: for addresses, labels and keys.
  var isPlain = false
  var lengthMin: Int?
  var lengthMax: Int?
  var error: String?
  /// Whether the page opens with the cursor here; after a mistake it is on the summary.
  var isFocused = false

  /// The ids of the texts that explain the field, for screen readers.
  let describedBy: String?

  init(
    _ name: String, _ label: String, type: String = "text", value: String = "",
    hint: String? = nil, autocomplete: String = "off", isOptional: Bool = false,
    isPlain: Bool = false, lengthMin: Int? = nil, lengthMax: Int? = nil, isFirst: Bool = false,
    mistakes: Mistakes? = nil
  ) {
    self.name = name
    self.label = label
    self.type = type
    // A secret never goes back into a page.
    isSecret = type == "secret"
    self.value = type == "password" || isSecret ? "" : value
    self.hint = hint
    self.autocomplete = autocomplete
    self.isOptional = isOptional
    self.isPlain = isPlain
    self.lengthMin = lengthMin
    self.lengthMax = lengthMax
    error = mistakes?[name]
    isFocused = isFirst && mistakes == nil
    describedBy = Self.describedBy(name, hint: hint != nil, error: error != nil)
  }

  static func describedBy(_ name: String, hint: Bool, error: Bool) -> String? {
    let ids = [error ? "\(name)-error" : nil, hint ? "\(name)-hint" : nil].compactMap(\.self)
    return ids.isEmpty ? nil : ids.joined(separator: " ")
  }
}

/// A list to choose one entry from.
struct Choice: Sendable {
  struct Option: Sendable {
    let value: String
    let text: String
    var isSelected = false
  }

  let name: String
  let label: String
  let options: [Option]
  let hint: String?
  let error: String?
  let describedBy: String?

  init(
    _ name: String, _ label: String, _ options: [(value: String, text: String)],
    selected: String, hint: String? = nil, mistakes: Mistakes? = nil
  ) {
    self.name = name
    self.label = label
    self.options = options.map {
      Option(value: $0.value, text: $0.text, isSelected: $0.value == selected)
    }
    self.hint = hint
    error = mistakes?[name]
    describedBy = Field.describedBy(name, hint: hint != nil, error: error != nil)
  }
}

/// What was wrong with a form: shown above it and beside each field.
struct Mistakes: Sendable {
  struct Item: Sendable {
    /// The field to jump to.
    let target: String
    /// For the list above the form.
    let text: String
    /// For the place beside the field.
    let detail: String

    /// `label` is what the form calls the field; `detail` is what a service or a page says of it.
    init(_ target: String, label: String, _ detail: String) {
      self.target = target
      if let words = Mistakes.words(for: detail, label: label) {
        (text, self.detail) = (words, words)
      } else {
        text = "\(label): \(detail)"
        self.detail = Mistakes.sentence(detail)
      }
    }
  }

  let heading: String
  let items: [Item]
  // Stored, because templates see nothing else.
  let hasItems: Bool

  init(_ heading: String, _ items: [Item] = []) {
    self.heading = heading
    self.items = items
    hasItems = !items.isEmpty
  }

  /// What a refused call means for a form whose fields have these labels, by their JSON names; nil
  /// when it is not the form that was refused.
  init?(_ problem: Problem, labels: [String: String]) {
    let isInput = [.badRequest, .conflict, .tooManyRequests].contains(problem.status)
    guard isInput else { return nil }
    let items = problem.fields.compactMap { field in
      labels[field.name].map { Item(field.name, label: $0, field.detail) }
    }
    if items.isEmpty {
      self.init(Self.sentence(problem.detail))
    } else {
      self.init(items: items)
    }
  }

  /// Says how many there are.
  init(items: [Item]) {
    self.init(items.count == 1 ? "1 thing to fix" : "\(items.count) things to fix", items)
  }

  subscript(field: String) -> String? {
    items.first { $0.target == field }?.detail
  }

  /// What services say of a field, as what a person can do about it.
  private static let wordsOfServices = [
    "is one of the most common passwords":
      "This password is on every list of leaked passwords. Choose another.",
    "must have at least 5 different characters": "Use at least 5 different characters.",
    "holds a character other than visible ASCII, such as a space":
      "There is a blank or line break inside the key. Paste it again.",
    "must begin with https://, unless the operator allows this host and port":
      "Use https://. For an address in a private network ask the operator to allow host:port.",
    "you have a key of this provider with this label already":
      "You have a key of this provider with this label already. Choose another label.",
  ]

  private static let labelsOfOnesOwn: Set<String> = ["E-mail address", "Name", "Password"]

  fileprivate static func words(for detail: String, label: String) -> String? {
    guard !detail.hasBytes(of: "is missing") else {
      let article = labelsOfOnesOwn.contains(label) ? "your" : "the"
      // An acronym keeps its capitals.
      let isWord =
        label.utf8.dropFirst().first
        .map { $0 >= UInt8(ascii: "a") || $0 == UInt8(ascii: "-") } ?? false
      return "Enter \(article) \(isWord ? label.lowercasedASCII() : label)"
    }
    return wordsOfServices[detail]
  }

  private static func sentence(_ text: String) -> String {
    guard let first = text.first else { return "That did not work" }
    return first.uppercased() + text.dropFirst()
  }
}
