import Backend
import Callers
import Edge
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The page on which people have their account deleted.
struct DeletionPages: Sendable {
  static let page = "/settings/delete"
  /// Of a time in ISO 8601, e.g. `2026-12-07`.
  private static let dayCharacters = 10
  private static let labels = ["understood": "I understand"]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/settings/delete", .page) { exchange in
        try await portal.forVisitor(exchange) { show(exchange, $0) }
      },
      try Edge.Route(["POST"], "/settings/delete", .page) { try await delete($0) },
    ]
  }

  private func show(
    _ exchange: Exchange, _ visitor: Visitor, mistakes: Mistakes? = nil
  ) -> Response {
    portal.page(
      exchange, visitor, "account-delete",
      title: mistakes == nil ? "Delete the account" : "Error: delete the account",
      section: SettingsPage.section,
      ["mistakes": mistakes as Any, "email": visitor.account.email],
      status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func delete(_ exchange: Exchange) async throws -> Response {
    try await portal.confirmed(exchange, page: Self.page) { visitor, form in
      guard form["understood"] == "yes" else {
        return show(
          exchange, visitor,
          mistakes: Mistakes(items: [
            .init("understood", label: "I understand", "Say that you have understood it")
          ]))
      }
      let answer: AuthAPI.AccountDeletion
      do {
        answer = try await portal.services.auth.requestAccountDeletion(
          AuthAPI.RequestAccountDeletionRequest(), options: visitor.options(for: exchange))
      } catch {
        if let error = error as? RPCError, error.needsConfirmation { throw error }
        let problem = Problem(catching: error)
        guard let mistakes = Mistakes(problem, labels: Self.labels) else { throw problem }
        return show(exchange, visitor, mistakes: mistakes)
      }
      // The session is over; what the next page says, it says to a stranger.
      let day = answer.deleteTime.map { String(Moment($0).machine.prefix(Self.dayCharacters)) }
      var response = portal.redirect(to: "/log-in", notice: Notice(.accountLeaves, of: day))
      response.headers.append(cookie: portal.cookies.session.clearing())
      return response
    }
  }
}
