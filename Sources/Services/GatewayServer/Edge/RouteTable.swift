import HTTPTypes

/// Finds the route of a request among all that the gateway answers.
struct RouteTable: Sendable {
  /// What a look-up found.
  enum Match: Sendable {
    case route(Route, [PathTemplate.Variable])
    /// The path is known, the verb is not; the verbs that are, for `Allow`.
    case otherVerbs([String], surface: Surface)
    case nothing
  }

  /// Routes of fixed length by their number of segments, the most specific first.
  private let routesByLength: [Int: [Route]]
  /// Routes ending in a rest, the most specific first.
  private let openRoutes: [Route]

  init(_ routes: [Route]) {
    let sorted = routes.sorted {
      $0.template.specificity.lexicographicallyPrecedes($1.template.specificity)
    }
    routesByLength = Dictionary(
      grouping: sorted.filter { !$0.template.hasRest }, by: \.template.segments.count)
    openRoutes = sorted.filter(\.template.hasRest)
  }

  /// HEAD finds the route of GET.
  func match(_ method: HTTPRequest.Method, _ target: RequestTarget) -> Match {
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
