import Metrics
import Synchronization

/// One series of a metric: a value, or several, and how they are written.
protocol Instrument: AnyObject, Sendable {
  func write(_ definition: MetricDefinition, _ labels: SeriesLabels, to page: inout Exposition)
}

/// A number that goes up.
final class CounterInstrument: Instrument, CounterHandler {
  private let value = Atomic<Int64>(0)

  func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
  /// For the factory's protocol; a counter that is shown never goes back.
  func reset() {}

  func write(_ definition: MetricDefinition, _ labels: SeriesLabels, to page: inout Exposition) {
    page.sample(definition.name, labels, Double(value.load(ordering: .relaxed)))
  }
}

/// A number that goes up and down.
final class GaugeInstrument: Instrument, MeterHandler, RecorderHandler {
  /// The bits of a `Double`.
  private let bits = Atomic<UInt64>(0)

  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
  func record(_ value: Int64) { set(Double(value)) }
  func record(_ value: Double) { set(value) }
  func decrement(by amount: Double) { increment(by: -amount) }

  func increment(by amount: Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let new = (Double(bitPattern: old) + amount).bitPattern
      let (isExchanged, found) = bits.weakCompareExchange(
        expected: old, desired: new, ordering: .relaxed)
      if isExchanged { return }
      old = found
    }
  }

  func write(_ definition: MetricDefinition, _ labels: SeriesLabels, to page: inout Exposition) {
    page.sample(
      definition.name, labels, Double(bitPattern: bits.load(ordering: .relaxed)))
  }
}

/// How many values fell below each bound, and their sum; recording takes two atomic additions.
///
/// A page that is written meanwhile may miss the last values, but its buckets never contradict each
/// other: the count is what the buckets hold together.
final class HistogramInstrument: Instrument, RecorderHandler, TimerHandler, @unchecked Sendable {
  // Sendable because the atomics are, and the array of them never changes.

  private let bounds: HistogramBounds
  /// Of each bucket by itself; the last is for what no bound covers.
  private let counts: UnsafeMutablePointer<Atomic<Int64>>
  private let sum = Atomic<Int64>(0)

  init(_ bounds: HistogramBounds) {
    self.bounds = bounds
    counts = .allocate(capacity: bounds.values.count + 1)
    for index in 0...bounds.values.count { (counts + index).initialize(to: Atomic(0)) }
  }

  deinit {
    counts.deinitialize(count: bounds.values.count + 1)
    counts.deallocate()
  }

  func record(_ value: Int64) {
    let values = bounds.values
    var index = 0
    while index < values.count, value > values[index] { index += 1 }
    counts[index].wrappingAdd(1, ordering: .relaxed)
    sum.wrappingAdd(value, ordering: .relaxed)
  }

  func record(_ value: Double) { record(Int64(exactly: value.rounded()) ?? .max) }
  func recordNanoseconds(_ duration: Int64) { record(duration) }

  func write(_ definition: MetricDefinition, _ labels: SeriesLabels, to page: inout Exposition) {
    var count: Int64 = 0
    for (index, bound) in bounds.values.enumerated() {
      count += counts[index].load(ordering: .relaxed)
      page.sample(
        definition.name + "_bucket", labels, le: Exposition.number(Double(bound) / bounds.divisor),
        Double(count))
    }
    count += counts[bounds.values.count].load(ordering: .relaxed)
    page.sample(definition.name + "_bucket", labels, le: "+Inf", Double(count))
    page.sample(
      definition.name + "_sum", labels, Double(sum.load(ordering: .relaxed)) / bounds.divisor)
    page.sample(definition.name + "_count", labels, Double(count))
  }
}

/// Takes what is recorded of a series too many, and shows nothing of it.
final class DiscardingInstrument: CounterHandler, MeterHandler, RecorderHandler, TimerHandler {
  func increment(by amount: Int64) {}
  func reset() {}
  func set(_ value: Int64) {}
  func set(_ value: Double) {}
  func increment(by amount: Double) {}
  func decrement(by amount: Double) {}
  func record(_ value: Int64) {}
  func record(_ value: Double) {}
  func recordNanoseconds(_ duration: Int64) {}
}
