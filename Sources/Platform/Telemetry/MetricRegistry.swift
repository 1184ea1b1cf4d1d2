package import Metrics
import Synchronization

/// Keeps every metric of the process and writes the page that Prometheus reads.
///
/// A series is made once, under a lock, and kept by whoever records; recording takes no lock.
package final class MetricRegistry: MetricsFactory {
  /// Series of one metric; what goes beyond is dropped and counted, because labels that multiply
  /// would take the memory of this process and of Prometheus.
  package static let seriesMax = 1_000
  /// The type of the page, for `Content-Type`.
  package static let contentType = Exposition.contentType

  /// A value that is read when somebody looks.
  package struct Reading: Sendable {
    let dimensions: [(String, String)]
    let value: Double

    package init(_ value: Double, _ dimensions: [(String, String)] = []) {
      self.value = value
      self.dimensions = dimensions
    }
  }

  private struct Family {
    let definition: MetricDefinition
    var series: [SeriesLabels: any Instrument] = [:]
    var readers: [@Sendable () -> [Reading]] = []
  }

  private struct State {
    var families: [String: Family] = [:]
    var droppedSeries = 0
  }

  private let definitions: [String: MetricDefinition]
  private let order: [String]
  private let state = Mutex(State())

  /// - Parameter catalogue: the metrics that are known, in the order of the page.
  package init(_ catalogue: [MetricDefinition] = MetricCatalogue.all) {
    definitions = Dictionary(
      catalogue.map { ($0.label, $0) }, uniquingKeysWith: { first, _ in first })
    order = catalogue.map(\.label)
    guard definitions[MetricCatalogue.droppedSeriesLabel] != nil else { return }
    observe(MetricCatalogue.droppedSeriesLabel) { [weak self] in
      [Reading(Double(self?.state.withLock(\.droppedSeries) ?? 0))]
    }
  }

  // MARK: Recording

  /// Has `read` asked for values of the gauge or counter `label` whenever the page is written; it
  /// must be quick, must not wait and must not come back to this registry.
  package func observe(_ label: String, _ read: @escaping @Sendable () -> [Reading]) {
    let definition = definitions[label] ?? MetricDefinition(unlisted: label, .gauge)
    state.withLock { state in
      state.families[label, default: Family(definition: definition)].readers.append(read)
    }
  }

  /// The series of these dimensions; nil when there are too many of the metric, or when it is of
  /// another kind.
  private func instrument<Made: Instrument>(
    _ label: String, _ dimensions: [(String, String)], kind: MetricDefinition.Kind,
    _ make: (MetricDefinition) -> Made?
  ) -> Made? {
    let definition = definitions[label] ?? MetricDefinition(unlisted: label, kind)
    let labels = SeriesLabels(dimensions)
    return state.withLock { state in
      var family = state.families[label] ?? Family(definition: definition)
      if let known = family.series[labels] { return known as? Made }
      guard family.series.count < Self.seriesMax, let made = make(definition) else {
        state.droppedSeries += 1
        return nil
      }
      family.series[labels] = made
      state.families[label] = family
      return made
    }
  }

  private func histogram(
    _ label: String, _ dimensions: [(String, String)], unlisted: HistogramBounds
  ) -> HistogramInstrument? {
    instrument(label, dimensions, kind: .histogram(unlisted)) { definition in
      guard case .histogram(let bounds) = definition.kind else { return nil }
      return HistogramInstrument(bounds)
    }
  }

  // MARK: MetricsFactory

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    instrument(label, dimensions, kind: .counter) { _ in CounterInstrument() }
      ?? DiscardingInstrument()
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    instrument(label, dimensions, kind: .gauge) { _ in GaugeInstrument() }
      ?? DiscardingInstrument()
  }

  package func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    guard aggregate else {
      return instrument(label, dimensions, kind: .gauge) { _ in GaugeInstrument() }
        ?? DiscardingInstrument()
    }
    return histogram(label, dimensions, unlisted: .messageBytes) ?? DiscardingInstrument()
  }

  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    histogram(label, dimensions, unlisted: .requestSeconds) ?? DiscardingInstrument()
  }

  // Series stay: one that comes and goes would look like a process that starts again.
  package func destroyCounter(_ handler: any CounterHandler) {}
  package func destroyMeter(_ handler: any MeterHandler) {}
  package func destroyRecorder(_ handler: any RecorderHandler) {}
  package func destroyTimer(_ handler: any TimerHandler) {}

  // MARK: Reading

  /// The page: every metric that has a value, described, in the catalogue's order.
  package func page() -> String {
    let families = state.withLock(\.families)
    var page = Exposition()
    let unlisted = families.keys.filter { definitions[$0] == nil }.sorted()
    for family in (order + unlisted).compactMap({ families[$0] }) {
      let readings = family.readers.flatMap { $0() }
      guard !family.series.isEmpty || !readings.isEmpty else { continue }
      page.begin(family.definition)
      for (labels, instrument) in family.series.sorted(by: { $0.key.order < $1.key.order }) {
        instrument.write(family.definition, labels, to: &page)
      }
      for reading in readings {
        page.sample(family.definition.name, SeriesLabels(reading.dimensions), reading.value)
      }
    }
    return page.text
  }
}

extension SeriesLabels {
  /// For a page that is the same whoever came first.
  fileprivate var order: String { text(le: nil) }
}
