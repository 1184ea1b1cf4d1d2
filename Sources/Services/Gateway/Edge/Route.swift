package import HTTPTypes

/// Which part of the gateway a path belongs to: decides what errors look like.
package enum Surface: Sendable, Hashable {
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
package struct Route: Sendable {
  package typealias Answer = @Sendable (Exchange) async throws -> Response

  package let verbs: [String]
  package let template: PathTemplate
  package let surface: Surface
  let answer: Answer

  package init(
    _ verbs: [String], _ template: String, _ surface: Surface, answer: @escaping Answer
  ) throws(PathTemplate.Failure) {
    self.verbs = verbs
    self.template = try PathTemplate(template)
    self.surface = surface
    self.answer = answer
  }

  func accepts(_ verb: String) -> Bool { verbs.contains(verb) }
}

/// Finds the route of a request among all that the gateway answers.
package struct RouteTable: Sendable {
  /// What a look-up found.
  package enum Match: Sendable {
    case route(Route, [PathTemplate.Variable])
    /// The path is known, the verb is not; the verbs that are, for `Allow`.
    case otherVerbs([String], surface: Surface)
    case nothing

    var surface: Surface? {
      switch self {
      case .route(let route, _): route.surface
      case .otherVerbs(_, let surface): surface
      case .nothing: nil
      }
    }
  }

  /// Routes of fixed length by their number of segments, the most specific first.
  private let routesByLength: [Int: [Route]]
  /// Routes ending in a rest, the most specific first.
  private let openRoutes: [Route]

  package init(_ routes: [Route]) {
    let sorted = routes.sorted {
      $0.template.specificity.lexicographicallyPrecedes($1.template.specificity)
    }
    routesByLength = Dictionary(
      grouping: sorted.filter { !$0.template.hasRest }, by: \.template.segments.count)
    openRoutes = sorted.filter(\.template.hasRest)
  }

  /// HEAD finds the route of GET, and a slash behind an address of the API is nothing.
  package func match(_ method: HTTPRequest.Method, _ target: RequestTarget) -> Match {
    let match = exactMatch(method, target)
    guard case .nothing = match, target.path.utf8.count > 1,
      target.path.utf8.last == UInt8(ascii: "/"),
      let other = try? RequestTarget(String(target.path.dropLast()))
    else { return match }
    let found = exactMatch(method, other)
    return found.surface == .api ? found : .nothing
  }

  private func exactMatch(_ method: HTTPRequest.Method, _ target: RequestTarget) -> Match {
    let verb = method == .head ? HTTPRequest.Method.get.rawValue : method.rawValue
    var verbs: Set<String> = []
    var surface: Surface?
    for route in routesByLength[target.segments.count, default: []] + openRoutes {
      guard let variables = route.template.match(target) else { continue }
      guard !route.accepts(verb) else { return .route(route, variables) }
      surface = surface ?? route.surface
      verbs.formUnion(route.verbs)
      if route.accepts("GET") { verbs.insert("HEAD") }
    }
    guard let surface else { return .nothing }
    return .otherVerbs(verbs.sorted(), surface: surface)
  }
}
