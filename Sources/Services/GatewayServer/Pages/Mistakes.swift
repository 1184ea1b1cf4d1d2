import HTTPTypes
import RPC

/// What was wrong with a form: shown above it and beside each field.
struct Mistakes: Sendable {
  struct Item: Sendable {
    /// The field to jump to.
    let target: String
    /// For the list above the form.
    let text: String
    /// For the place beside the field.
    let detail: String

    /// `label` is what the form calls the field.
    init(_ target: String, label: String, _ detail: String) {
      self.target = target
      text = "\(label): \(detail)"
      self.detail = Mistakes.sentence(detail)
    }
  }

  let heading: String
  let items: [Item]
  // Stored, because templates see nothing else.
  let hasItems: Bool

  /// The field that gets the cursor.
  var first: String? { items.first?.target }

  init(_ heading: String = "Please correct the form", _ items: [Item] = []) {
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

  private init(items: [Item]) {
    self.init("Please correct the form", items)
  }

  subscript(field: String) -> String? {
    items.first { $0.target == field }?.detail
  }

  private static func sentence(_ text: String) -> String {
    guard let first = text.first else { return "That did not work" }
    return first.uppercased() + text.dropFirst()
  }
}
