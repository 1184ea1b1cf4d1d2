#if DEBUG
  import Edge
  import HTTPTypes
  import Providers

  /// Every component in every state, for whoever changes one; in debug builds only.
  struct ComponentsPage: Sendable {
    let portal: Portal

    struct Row: Sendable {
      let row: String
      let logo: String
      let provider: String
      let label: String
      let key: String
      let state: StatePill
      let spark: String
      let requests: String
      let lastUse: Moment?
      let menu: RowMenu
    }

    struct Table: Sendable {
      let id: String
      let title: String
      let heads: [SortHead]
      let rows: [Row]
      let pager: Pager
    }

    struct Card: Sendable {
      let id: String
      let name: String
      let logo: String
    }

    private static let longText = String(repeating: "long-label-without-a-blank-", count: 4)
    private static let arabic = "مفتاح الاختبار الأول"
    private static let states: [StatePill] = [
      StatePill("Works", .good), StatePill("Not checked", .calm), StatePill("Rate limited", .warn),
      StatePill("Out of credit", .bad), StatePill("Refused", .bad), StatePill("Unreachable", .warn),
      StatePill("Disabled", .calm),
    ]

    func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
      [
        try Edge.Route(["GET"], "/dev/components", .page) { exchange in
          try await portal.anyonesPage(exchange, "components", title: "Components", content)
        },
        // What a person is told who meets this status.
        try Edge.Route(["GET"], "/dev/failures/{status}", .page) { exchange in
          try await portal.forVisitor(exchange) { _ in
            guard let code = Int(exchange.variable("status")), (400...599).contains(code) else {
              throw Problem(.notFound)
            }
            throw Problem(HTTPResponse.Status(code: code))
          }
        },
      ]
    }

    private var content: [String: Any] {
      let mistakes = Mistakes(items: [
        .init("example-label", label: "Label", "Use a-z, 0-9, point, hyphen and underscore"),
        .init("example-key", label: "API key", "Enter the API key"),
      ])
      let logos = portal.catalogue.providers.map { portal.catalogue.logo(of: $0.id) }
      return [
        "mistakes": mistakes, "states": Self.states, "logos": logos.map { ["svg": $0.svg] },
        "tiles": [
          Tile("Requests, 7 days", "1,284", note: "12 % more than in the week before"),
          Tile("Keys", "5", note: "4 work, 1 needs attention"), Tile("Refused, 7 days", "0"),
          Tile(Self.arabic, "1,234,567,890", note: Self.longText),
        ],
        "chart": chart(isEmpty: false), "bareChart": chart(isEmpty: true),
        "fields": fields(mistakes),
        "choiceField": Choice(
          "example-choice", "Valid for", [("30", "30 days"), ("90", "90 days")], selected: "90",
          hint: "An application that is forgotten loses its access by itself."),
        "cards": portal.catalogue.providers.prefix(6).map {
          Card(id: $0.id, name: $0.displayName, logo: portal.catalogue.logo(of: $0.id).svg)
        },
        "snippets": Snippets(origin: portal.publicOrigin, provider: "openai"),
        "hasChips": true,
        "chips": [
          FilterChip(text: "Outcome: Failed", href: "/dev/components"),
          FilterChip(text: "Token: \(Self.longText)", href: "/dev/components"),
        ],
        "empty": EmptyState(
          .keys, "No key yet",
          "A key that you store here is sealed, and used by your applications.",
          action: "Add a key", href: "/providers/new"),
        "tables": [table("one", 1), table("sixty", 60)],
      ]
    }

    private func fields(_ mistakes: Mistakes) -> [Field] {
      [
        Field(
          "example-label", "Label", value: Self.longText,
          hint: "a-z, 0-9, point, hyphen, underscore.",
          isOptional: true, isPlain: true, lengthMax: 64, mistakes: mistakes),
        Field("example-name", "Name", value: Self.arabic),
        Field(
          "example-key", "API key", type: "secret", hint: "No page shows it again.",
          mistakes: mistakes),
      ]
    }

    private func chart(isEmpty: Bool) -> DayChart {
      DayChart(
        title: isEmpty ? "Requests a day, none" : "Requests a day",
        series: [
          .init(name: "OpenAI, default", tone: 1), .init(name: "Anthropic, team", tone: 2),
          .init(name: "failed", tone: 5),
        ],
        days: (0..<14).map { day in
          DayChart.Day(
            name: "\(day + 10) Nov", href: "/dev/components",
            counts: isEmpty ? [0, 0, 0] : [40 + day * 13 % 37, 20 + day * 7 % 29, day % 5])
        })
    }

    private func table(_ id: String, _ count: Int) -> Table {
      let address = { (sort: String) in "/dev/components?sort=\(sort)" }
      return Table(
        id: id, title: "\(count) of a list",
        heads: [SortHead("Provider and label", key: "name", current: "name", address: address)],
        rows: (0..<count).map { row("\(id)-\($0)", $0) },
        pager: Pager(page: 1, rowsPerPage: 60, count: 131, name: "Pages of \(id)") {
          "/dev/components?page=\($0)"
        })
    }

    private func row(_ id: String, _ index: Int) -> Row {
      let providers = portal.catalogue.providers
      let provider = providers[index % providers.count]
      let label = index % 7 == 3 ? Self.longText : index % 7 == 5 ? Self.arabic : "default"
      return Row(
        row: id, logo: portal.catalogue.logo(of: provider.id).svg, provider: provider.displayName,
        label: label, key: "sk-ant-…m2Qd", state: Self.states[index % Self.states.count],
        spark: Sparkline((0..<12).map { ($0 * 7 + index) % 23 }).svg,
        requests: DayChart.grouped(index * 412),
        lastUse: Moment(secondsSinceEpoch: 1_795_469_700 + Int64(index) * 4_000),
        menu: RowMenu(
          id: "menu-\(id)", name: "Actions for \(provider.displayName), \(label)",
          [
            .link("Edit", "/providers"), .act("Disable", "/providers"),
            .link("Delete…", "/providers", isDangerous: true),
          ]))
    }
  }
#endif
