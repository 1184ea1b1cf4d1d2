/// The labels of one series, sorted by name.
struct SeriesLabels: Hashable, Sendable {
  private let pairs: [String]

  /// Names as code writes them, e.g. `grpc.method`.
  init(_ dimensions: [(String, String)]) {
    pairs = dimensions.map { name, value in
      "\(MetricDefinition.sanitised(name))=\"\(Exposition.escaped(value, quotes: true))\""
    }.sorted()
  }

  /// `{a="b",le="1"}`; nothing when there are none.
  func text(le: String?) -> String {
    let all = pairs + (le.map { ["le=\"\($0)\""] } ?? [])
    return all.isEmpty ? "" : "{\(all.joined(separator: ","))}"
  }
}

/// A page of metrics in Prometheus's text format, version 0.0.4.
struct Exposition {
  /// What `Content-Type` says of the page.
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private(set) var text = ""

  /// Begins a metric: its samples follow, and no other's.
  mutating func begin(_ definition: MetricDefinition) {
    text += "# HELP \(definition.name) \(Self.escaped(definition.help, quotes: false))\n"
    text += "# TYPE \(definition.name) \(definition.typeName)\n"
  }

  mutating func sample(
    _ name: String, _ labels: SeriesLabels, le: String? = nil, _ value: Double
  ) {
    text += "\(name)\(labels.text(le: le)) \(Self.number(value))\n"
  }

  /// Whole numbers without a fraction; the others as Go's ParseFloat reads them.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: value) { return "\(whole)" }
    return "\(value)"
  }

  /// Backslashes and line breaks, and quotes where the text stands in some.
  static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
