/// A text field of a form, as the template draws it.
struct Field: Sendable {
  let name: String
  let label: String
  var type = "text"
  var value = ""
  var hint: String?
  var autocomplete = "off"
  var isOptional = false
  /// No capitals and no spelling corrections: for addresses, labels and keys.
  var isPlain = false
  var lengthMin: Int?
  var lengthMax: Int?
  var error: String?
  /// Whether the page opens with the cursor here.
  var isFocused = false

  /// The ids of the texts that explain the field, for screen readers.
  let describedBy: String?

  init(
    _ name: String, _ label: String, type: String = "text", value: String = "",
    hint: String? = nil, autocomplete: String = "off", isOptional: Bool = false,
    isPlain: Bool = false, lengthMin: Int? = nil, lengthMax: Int? = nil, mistakes: Mistakes? = nil
  ) {
    self.name = name
    self.label = label
    self.type = type
    // A secret never goes back into a page.
    self.value = type == "password" ? "" : value
    self.hint = hint
    self.autocomplete = autocomplete
    self.isOptional = isOptional
    self.isPlain = isPlain
    self.lengthMin = lengthMin
    self.lengthMax = lengthMax
    error = mistakes?[name]
    isFocused = mistakes?.first == name
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
