import Metrics
import Synchronization

/// A metrics backend that costs what a real one does: it counts, and keeps a histogram by powers of
/// two, in memory that doesn't grow.
final class MemoryMetrics: MetricsFactory {
  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    Count()
  }

  func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    Count()
  }

  func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    Count()
  }

  func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    Histogram()
  }

  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    Histogram()
  }

  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
  func destroyMeter(_ handler: any MeterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}
}

/// A number that goes up, or up and down.
private final class Count: CounterHandler, FloatingPointCounterHandler, MeterHandler {
  private let value = Atomic<Int64>(0)

  func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
  func increment(by amount: Double) { increment(by: Int64(amount)) }
  func decrement(by amount: Double) { increment(by: -Int64(amount)) }
  func set(_ value: Int64) { self.value.store(value, ordering: .relaxed) }
  func set(_ value: Double) { set(Int64(value)) }
  func reset() { set(Int64(0)) }
}

/// How many values fell between each power of two and the next, and their sum.
private final class Histogram: RecorderHandler, TimerHandler {
  private struct Content {
    var buckets = [Int64](repeating: 0, count: 65)
    var sum: Int64 = 0
  }

  private let content = Mutex(Content())

  func record(_ value: Int64) {
    content.withLock { content in
      content.buckets[64 - max(0, value).leadingZeroBitCount] += 1
      content.sum &+= value
    }
  }

  func record(_ value: Double) { record(Int64(value)) }
  func recordNanoseconds(_ duration: Int64) { record(duration) }
}
