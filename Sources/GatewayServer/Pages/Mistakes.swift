import HTTPTypes
import RPC

/// What was wrong with a form: shown above it and beside each field.
struct Mistakes: Sendable {
  struct Item: Sendable {
    /// The field to jump to; nil when no field is at fault.
    let target: String?
    let text: String
  }

  let heading: String
  let items: [Item]

  var hasItems: Bool { !items.isEmpty }
  /// The field that gets the cursor.
  var first: String? { items.lazy.compactMap(\.target).first }

  init(_ heading: String, _ fields: [(name: String, text: String)] = []) {
    self.heading = heading
    items = fields.map { Item(target: $0.name, text: $0.text) }
  }

  /// What a refused call means for a form with these fields, named as in JSON; nil when it is not
  /// the form that was refused.
  init?(_ problem: Problem, fields: [String: String]) {
    let isInput =
      [.badRequest, .conflict, .tooManyRequests].contains(problem.status)
    guard isInput else { return nil }
    let known = problem.fields.filter { fields[$0.name] != nil }
    guard known.isEmpty else {
      self.init(
        "Please correct the form",
        known.map { field in
          (field.name, "\(fields[field.name] ?? field.name): \(field.detail)")
        })
      return
    }
    self.init(Self.sentence(problem.detail))
  }

  subscript(field: String) -> String? {
    items.first { $0.target == field }?.text
  }

  private static func sentence(_ text: String) -> String {
    guard let first = text.first else { return "That did not work" }
    return first.uppercased() + text.dropFirst()
  }
}
