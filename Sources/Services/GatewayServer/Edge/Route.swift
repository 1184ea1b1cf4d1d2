import HTTPTypes
import Hummingbird

/// Which part of the gateway a path belongs to: decides what errors look like.
enum Surface: Sendable, Hashable {
  /// JSON for programs; errors are problem documents.
  case api
  /// HTML for people; errors are pages.
  case page
  /// Requests on their way to a provider; errors of our own are problem documents.
  case proxy
  /// Health checks and static files.
  case plain
}

/// A verb and a path, and the code that answers them.
struct Route: Sendable {
  typealias Answer = @Sendable (Exchange) async throws -> Response

  let verbs: [String]
  let template: PathTemplate
  let surface: Surface
  let answer: Answer

  init(
    _ verbs: [String], _ template: String, _ surface: Surface, answer: @escaping Answer
  ) throws(PathTemplate.Failure) {
    self.verbs = verbs
    self.template = try PathTemplate(template)
    self.surface = surface
    self.answer = answer
  }

  func accepts(_ verb: String) -> Bool { verbs.contains(verb) }
}
