import Backend
import Edge
import Encodings
import HTTPTypes
import KeyTesting
import Providers
import RPC
import ServiceAPI

/// The list of provider keys, and what is done with several of them at once.
struct KeyListPage: Sendable {
  static let section = "/providers"
  /// Checkboxes are named by this and the key's id: a form names no field twice.
  private static let checkPrefix = "k."
  /// Of the small line beside each key.
  private static let daysOfUse = 7
  private static let rowsPerCall: Int32 = 200
  private static let callsMax = 20

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/providers", .page) { exchange in
        try await portal.forVisitor(exchange) { try await list(exchange, $0) }
      },
      try Edge.Route(["POST"], "/providers/bulk/{act}", .page) { try await act($0) },
      try Edge.Route(["GET"], "/providers/delete", .page) { exchange in
        try await portal.forVisitor(exchange) { try await deletePage(exchange, $0) }
      },
      try Edge.Route(["POST"], "/providers/delete", .page) { try await delete($0) },
    ]
  }

  /// All keys of the visitor, in the order of storing.
  func all(_ exchange: Exchange, _ visitor: Visitor) async throws -> [VaultAPI.ProviderConfig] {
    try await allAndLent(exchange, visitor).configs
  }

  /// The same, and the providers of which the operator lends keys to who has none.
  private func allAndLent(
    _ exchange: Exchange, _ visitor: Visitor
  ) async throws -> (configs: [VaultAPI.ProviderConfig], lent: [String]) {
    var lent: [String] = []
    var request = VaultAPI.ListProviderConfigsRequest(pageSize: Self.rowsPerCall, pageToken: "")
    var configs: [VaultAPI.ProviderConfig] = []
    for _ in 0..<Self.callsMax {
      let answer = try await portal.services.vault.listProviderConfigs(
        request, options: visitor.options(for: exchange))
      configs += answer.providerConfigs
      lent = answer.operatorProviders
      guard !answer.nextPageToken.isEmpty else { break }
      request.pageToken = answer.nextPageToken
    }
    return (configs, lent)
  }

  private func list(_ exchange: Exchange, _ visitor: Visitor) async throws -> Response {
    var filter = KeyFilter(query: try exchange.parameters())
    async let use = KeyUse(days: Self.daysOfUse, exchange, visitor, portal)
    let (configs, lent) = try await allAndLent(exchange, visitor)
    let rows = configs.map { ProviderRow($0, catalogue: portal.catalogue) }
    // One's own key comes first.
    let own = Set(configs.map(\.provider))
    let lentNames = lent.filter { !own.contains($0) }.map { portal.catalogue.name(of: $0) }
    let found = filter.applied(to: rows)
    filter.page = min(filter.page, max(1, (found.count + 24) / KeyFilter.rowsPerPage))
    var shown = Array(
      found.dropFirst((filter.page - 1) * KeyFilter.rowsPerPage).prefix(KeyFilter.rowsPerPage))
    if let use = await use {
      for place in shown.indices { shown[place].week = use.line(of: shown[place].id) }
    }
    var heads: [SortHead] = []
    for (text, key) in [
      ("Provider and label", "provider"), ("Health", "state"), ("Last use", "use"),
    ] {
      heads.append(
        SortHead(text, key: key, current: filter.sort) { [filter] in filter.address(sort: $0) })
    }
    return portal.page(
      exchange, visitor, "providers", title: title(found.count, filter), section: Self.section,
      [
        "rows": shown, "hasRows": !shown.isEmpty, "hasKeys": !rows.isEmpty,
        "lent": lentNames.joined(separator: ", "), "isLent": !lentNames.isEmpty,
        "back": filter.address(), "q": filter.text, "isFiltering": filter.isFiltering,
        "states": options(
          KeyFilter.State.allCases.map { ($0.rawValue, $0.text) }, filter.state?.rawValue),
        "providers": options(used(rows), filter.provider), "sort": filter.sort,
        "headProvider": heads[0], "headState": heads[1], "headUse": heads[2],
        "pager": Pager(
          page: filter.page, rowsPerPage: KeyFilter.rowsPerPage, count: found.count
        ) { [filter] in filter.address(page: $0) },
        "empty": EmptyState(
          .keys, "No key yet",
          "A key that you store here is sealed. Your applications use it with an access token, "
            + "and never see it.", action: "Add your first key", href: "/providers/new"),
      ],
      nameOf: { id in rows.first { $0.id == id }.map { "\($0.provider), \($0.label)" } })
  }

  private func title(_ count: Int, _ filter: KeyFilter) -> String {
    filter.isFiltering ? "\(count) found – Provider keys" : "Provider keys"
  }

  private func used(_ rows: [ProviderRow]) -> [(String, String)] {
    Dictionary(rows.map { ($0.providerID, $0.provider) }) { first, _ in first }
      .sorted { $0.value < $1.value }.map { ($0.key, $0.value) }
  }

  private func options(_ pairs: [(String, String)], _ selected: String?) -> [Choice.Option] {
    pairs.map { Choice.Option(value: $0.0, text: $0.1, isSelected: $0.0 == selected) }
  }

  // MARK: Several at once

  private static func ids(_ form: FormData) -> [String] {
    form.names.filter { $0.beginsWithBytes(of: checkPrefix) }
      .map { String(Substring($0.utf8.dropFirst(checkPrefix.utf8.count))) }.sorted()
  }

  private func act(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: Self.section) { visitor, form in
      let (ids, back) = (Self.ids(form), KeyBack(form["back"]))
      guard !ids.isEmpty else {
        return portal.redirect(to: back.list, notice: Notice(.nothingChosen))
      }
      let options = visitor.options(for: exchange)
      switch exchange.variable("act") {
      case "test":
        for id in ids { _ = try await portal.tester.test(id: id, for: visitor, exchange) }
        return portal.redirect(to: back.list, notice: Notice(.keysTested))
      case "enable":
        for id in ids {
          _ = try await portal.services.vault.enableProviderConfig(
            VaultAPI.EnableProviderConfigRequest(id: id), options: options)
        }
        return portal.redirect(to: back.list, notice: Notice(.keysEnabled))
      case "disable":
        for id in ids {
          _ = try await portal.services.vault.disableProviderConfig(
            VaultAPI.DisableProviderConfigRequest(id: id), options: options)
        }
        return portal.redirect(to: back.list, notice: Notice(.keysDisabled))
      case "delete":
        let query = ids.map { "id=\(PercentCoding.encode($0))" }.joined(separator: "&")
        return portal.redirect(to: "/providers/delete?\(query)")
      default: throw Problem(.notFound)
      }
    }
  }

  private func deletePage(_ exchange: Exchange, _ visitor: Visitor) async throws -> Response {
    var ids: Set<String> = []
    for (name, value) in try exchange.parameters() where name.hasBytes(of: "id") {
      ids.insert(value)
    }
    let rows = try await all(exchange, visitor).filter { ids.contains($0.id) }
      .map { ProviderRow($0, catalogue: portal.catalogue) }
    guard !rows.isEmpty else { return portal.redirect(to: Self.section) }
    let name = rows.count == 1 ? "1 key" : "\(rows.count) keys"
    return portal.page(
      exchange, visitor, "providers-delete", title: "Delete \(name)", section: Self.section,
      ["rows": rows, "count": name])
  }

  private func delete(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: Self.section) { visitor, form in
      for id in Self.ids(form) {
        do throws(RPCError) {
          _ = try await portal.services.vault.deleteProviderConfig(
            VaultAPI.DeleteProviderConfigRequest(id: id), options: visitor.options(for: exchange))
        } catch {
          // Gone already, as when the form was sent twice.
          guard error.code == .notFound else { throw error }
        }
      }
      return portal.redirect(to: Self.section, notice: Notice(.keysDeleted))
    }
  }
}

/// The list that an act began at, and leads back to.
struct KeyBack: Sendable {
  let list: String

  /// Anything but the list's own address leads to its beginning.
  init(_ text: String) {
    let isList = text == KeyListPage.section || text.beginsWithBytes(of: "\(KeyListPage.section)?")
    list = isList ? ReturnAddress(text)?.text ?? KeyListPage.section : KeyListPage.section
  }

  /// The row of this key.
  func row(_ id: String) -> String { "\(list)#k-\(id)" }
}
