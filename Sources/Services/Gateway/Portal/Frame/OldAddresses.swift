import Edge

/// Addresses that people and programs try first, and those that pages had before.
struct OldAddresses: Sendable {
  let portal: Portal

  private static let moved = [
    ("/login", "/log-in"), ("/signin", "/log-in"), ("/signup", "/sign-up"),
    ("/register", "/sign-up"), ("/logout", "/log-out"), ("/overview", "/"), ("/dashboard", "/"),
    ("/keys", "/providers"), ("/tokens", "/access-tokens"), ("/docs", "/help"),
    ("/settings/providers", "/providers"),
    // A well-known URL for changing passwords (W3C).
    ("/.well-known/change-password", "/settings"),
  ]

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    var routes: [Edge.Route] = []
    for (old, new) in Self.moved {
      routes.append(
        try Edge.Route(["GET"], old, .page) { exchange in
          let query = exchange.target.query.map { "?\($0)" } ?? ""
          return portal.redirect(to: new + query)
        })
    }
    return routes
  }
}
