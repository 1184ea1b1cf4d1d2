package import Backend
import Callers
package import Edge
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// Everything that the portal keeps of its caller, in one document; keys and tokens are masked.
package struct ExportRoutes: Sendable {
  /// The newest entries of the log; whoever has more reads them page by page.
  package static let eventsMax = 10_000
  private static let rowsPerPage: Int32 = 200
  /// Pages of one list, so that a list that never ends doesn't end the process.
  private static let pagesMax = eventsMax / Int(rowsPerPage)
  private static let disposition = HTTPField.Name.fixed("content-disposition")

  let services: Services
  let authenticator: Authenticator

  package init(services: Services, authenticator: Authenticator) {
    self.services = services
    self.authenticator = authenticator
  }

  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [try Edge.Route(["GET"], "/api/v1/me/export", .api) { try await export($0) }]
  }

  private func export(_ exchange: Exchange) async throws -> Response {
    let options = try await authenticator.visitor(of: exchange).options(for: exchange)
    // The session's own list comes first: a token is refused before anything else is gathered.
    let sessions = try await services.auth.listSessions(
      AuthAPI.ListSessionsRequest(), options: options)
    let account = try await services.auth.getCurrentAccount(
      AuthAPI.GetCurrentAccountRequest(), options: options)
    let factor = try await services.auth.getSecondFactor(
      AuthAPI.GetSecondFactorRequest(), options: options)
    let tokens = try await rows { token in
      let page = try await services.auth.listAccessTokens(
        AuthAPI.ListAccessTokensRequest(pageSize: Self.rowsPerPage, pageToken: token),
        options: options)
      return (page.accessTokens, page.nextPageToken)
    }
    let configs = try await rows { token in
      let page = try await services.vault.listProviderConfigs(
        VaultAPI.ListProviderConfigsRequest(pageSize: Self.rowsPerPage, pageToken: token),
        options: options)
      return (page.providerConfigs, page.nextPageToken)
    }
    let events = try await rows { token in
      let page = try await services.audit.listEvents(
        AuditAPI.ListEventsRequest(pageSize: Self.rowsPerPage, pageToken: token),
        options: options)
      return (page.events, page.nextPageToken)
    }
    let export = GatewayAPI.AccountExport(
      account: account, secondFactor: factor, sessions: sessions.sessions, accessTokens: tokens,
      providerConfigs: configs, auditEvents: events)
    var response = JSONRoutes.response(export.json(), status: .ok)
    response.headers[Self.disposition] = "attachment; filename=\"chatelaine-export.json\""
    return response
  }

  private func rows<Row>(
    _ page: (_ token: String) async throws -> (rows: [Row], next: String)
  ) async throws -> [Row] {
    var (rows, token) = ([Row](), "")
    for _ in 0..<Self.pagesMax {
      let answer = try await page(token)
      rows += answer.rows
      token = answer.next
      if token.isEmpty { break }
    }
    return rows
  }
}
