/// One metric as the operator sees it: what code calls it, what Prometheus calls it, what it means.
package struct MetricDefinition: Sendable {
  /// What is kept of the values.
  package enum Kind: Sendable {
    case counter
    case gauge
    /// How many values are at most each bound.
    case histogram(HistogramBounds)
  }

  /// The name in code, in swift-metrics' manner: `grpc.server.call.duration`.
  package let label: String
  /// The name on the page, in Prometheus's manner: `grpc_server_call_duration_seconds`.
  package let name: String
  package let kind: Kind
  /// The names of its labels; each has few values, all of them known when the code is written.
  package let labelNames: [String]
  /// One sentence for HELP and the documentation.
  package let help: String

  package init(
    _ label: String, _ name: String, _ kind: Kind, labels: [String] = [], _ help: String
  ) {
    self.label = label
    self.name = name
    self.kind = kind
    labelNames = labels
    self.help = help
  }

  /// What is shown of a metric that the catalogue doesn't know: a library's own.
  init(unlisted label: String, _ kind: Kind) {
    let suffix: String =
      switch kind {
      case .counter: "_total"
      case .gauge: ""
      case .histogram(let bounds): bounds.divisor > 1 ? "_seconds" : ""
      }
    self.init(label, Self.sanitised(label) + suffix, kind, "Not described.")
  }

  /// `[a-zA-Z_:][a-zA-Z0-9_:]*`, whatever the text was.
  static func sanitised(_ text: String) -> String {
    let name = text.utf8.map { byte -> UInt8 in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        byte
      default: UInt8(ascii: "_")
      }
    }
    let isDigitFirst = name.first.map { $0 <= UInt8(ascii: "9") } ?? true
    return (isDigitFirst ? "_" : "") + String(decoding: name, as: UTF8.self)
  }

  /// As `# TYPE` has it.
  package var typeName: String {
    switch kind {
    case .counter: "counter"
    case .gauge: "gauge"
    case .histogram: "histogram"
    }
  }
}

/// The upper bounds of a histogram's buckets, ascending.
package struct HistogramBounds: Sendable {
  /// In the unit that is recorded: nanoseconds, or bytes.
  let values: [Int64]
  /// Recorded units in one that is shown: 10^9 for nanoseconds shown as seconds.
  let divisor: Double

  /// From what a cached answer takes to what a model thinks.
  package static let requestSeconds = HistogramBounds(
    values: [
      500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
      250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
      30_000_000_000, 120_000_000_000,
    ], divisor: 1e9)
  /// From a prepared select to a statement that gave up.
  package static let statementSeconds = HistogramBounds(
    values: [
      250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
      100_000_000, 250_000_000, 1_000_000_000, 5_000_000_000, 10_000_000_000,
    ], divisor: 1e9)
  /// How late a loop comes to what it should have done.
  package static let lagSeconds = HistogramBounds(
    values: [
      1_000_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000,
      500_000_000, 1_000_000_000, 5_000_000_000,
    ], divisor: 1e9)
  /// Messages: powers of four, 64 bytes to 4 MiB.
  package static let messageBytes = HistogramBounds(
    values: (3...11).map { 1 << (2 * $0) }, divisor: 1)
}
