import Edge
import Encodings
import ServiceAPI

/// Which keys a list shows and in which order, as its address says.
struct KeyFilter: Sendable, Hashable {
  enum State: String, Sendable, CaseIterable {
    case works, attention, unchecked, disabled

    var text: String {
      switch self {
      case .works: "Works"
      case .attention: "Needs attention"
      case .unchecked: "Not checked"
      case .disabled: "Disabled"
      }
    }
  }

  enum Order: String, Sendable, CaseIterable {
    case provider, state, use, stored
  }

  static let rowsPerPage = 25
  static let textBytesMax = 100

  var text = ""
  var state: State?
  var provider = ""
  /// With `-` in front the other way round; empty for the order of storing.
  var sort = ""
  var page = 1

  init() {}

  /// What it doesn't know is left out.
  init(query: [(name: String, value: String)]) {
    for (name, value) in query {
      switch name {
      case "q": text = String(decoding: value.utf8.prefix(Self.textBytesMax), as: UTF8.self)
      case "state": state = State(rawValue: value)
      case "provider": provider = value
      case "sort" where Self.order(value) != nil: sort = value
      case "page": page = Int(value).flatMap { (1...10_000).contains($0) ? $0 : nil } ?? 1
      default: break
      }
    }
  }

  var isFiltering: Bool { !text.isEmpty || state != nil || !provider.isEmpty }

  /// The list's address for this filter, with one thing changed.
  func address(page: Int? = nil, sort: String? = nil) -> String {
    let shown = page ?? (sort == nil ? self.page : 1)
    let pairs = [
      ("q", text), ("state", state?.rawValue ?? ""), ("provider", provider),
      ("sort", sort ?? self.sort), ("page", shown > 1 ? "\(shown)" : ""),
    ].filter { !$0.1.isEmpty }
    guard !pairs.isEmpty else { return "/providers" }
    return "/providers?"
      + pairs.map { "\($0.0)=\(PercentCoding.encode($0.1))" }
      .joined(separator: "&")
  }

  private static func order(_ sort: String) -> (Order, isDescending: Bool)? {
    let isDescending = sort.utf8.first == UInt8(ascii: "-")
    let name = isDescending ? String(Substring(sort.utf8.dropFirst())) : sort
    return Order(rawValue: name).map { ($0, isDescending) }
  }

  /// The rows that match, in order.
  func applied(to rows: [ProviderRow]) -> [ProviderRow] {
    let words = text.lowercased().split(atByte: " ").map(String.init)
    let found = rows.filter { row in
      (provider.isEmpty || row.providerID.utf8.elementsEqual(provider.utf8))
        && (state.map { Self.has($0, row) } ?? true)
        && words.allSatisfy { row.searchText.contains($0) }
    }
    guard let (order, isDescending) = Self.order(sort) else { return found }
    let sorted = found.enumerated().sorted { one, other in
      let (a, b) = (Self.key(order, one.element), Self.key(order, other.element))
      // The same order as before among equals.
      return a == b ? one.offset < other.offset : isDescending ? a > b : a < b
    }
    return sorted.map(\.element)
  }

  private static func has(_ state: State, _ row: ProviderRow) -> Bool {
    switch state {
    case .works: row.state.tone == StatePill.Tone.good.rawValue
    case .attention: row.state.needsAttention || row.state.tone == StatePill.Tone.warn.rawValue
    case .unchecked: row.isEnabled && row.state.tone == StatePill.Tone.calm.rawValue
    case .disabled: !row.isEnabled
    }
  }

  private static func key(_ order: Order, _ row: ProviderRow) -> String {
    switch order {
    case .provider: "\(row.provider.lowercased()) \(row.label)"
    case .state: row.state.text
    case .use: row.lastUse?.machine ?? ""
    case .stored: row.created?.machine ?? ""
    }
  }
}
