import Metrics
import Testing

@testable import Telemetry

@Suite struct MetricRegistryTests {
  private let registry = MetricRegistry([
    MetricDefinition("a.count", "a_total", .counter, labels: ["kind"], "How many\nof \\a."),
    MetricDefinition("b.level", "b", .gauge, "How high."),
    MetricDefinition("c.time", "c_seconds", .histogram(.lagSeconds), "How long."),
    MetricDefinition("d.read", "d", .gauge, labels: ["file"], "What is looked up."),
  ])

  private var lines: [String] { registry.page().split(separator: "\n").map(String.init) }

  @Test func aCounterIsDescribedAndItsLabelsAreEscaped() {
    registry.makeCounter(label: "a.count", dimensions: [("kind", "x\"y\\z\n")]).increment(by: 3)
    #expect(
      lines == [
        "# HELP a_total How many\\nof \\\\a.", "# TYPE a_total counter",
        "a_total{kind=\"x\\\"y\\\\z\\n\"} 3",
      ])
  }

  @Test func theSameDimensionsAreTheSameSeries() {
    for amount: Int64 in [1, 2] {
      registry.makeCounter(label: "a.count", dimensions: [("kind", "x")]).increment(by: amount)
    }
    #expect(lines.last == "a_total{kind=\"x\"} 3")
  }

  @Test func aGaugeGoesUpAndDown() {
    let level = registry.makeMeter(label: "b.level", dimensions: [])
    level.set(2.5)
    level.increment(by: 1)
    level.decrement(by: 3)
    #expect(lines.last == "b 0.5")
  }

  @Test func bucketsOfAHistogramIncludeThoseBelow() {
    let timer = registry.makeTimer(label: "c.time", dimensions: [])
    timer.recordNanoseconds(1_000_000)
    timer.recordNanoseconds(7_000_000)
    timer.recordNanoseconds(60_000_000_000)
    #expect(
      lines == [
        "# HELP c_seconds How long.", "# TYPE c_seconds histogram",
        "c_seconds_bucket{le=\"0.001\"} 1", "c_seconds_bucket{le=\"0.005\"} 1",
        "c_seconds_bucket{le=\"0.01\"} 2", "c_seconds_bucket{le=\"0.025\"} 2",
        "c_seconds_bucket{le=\"0.05\"} 2", "c_seconds_bucket{le=\"0.1\"} 2",
        "c_seconds_bucket{le=\"0.25\"} 2", "c_seconds_bucket{le=\"0.5\"} 2",
        "c_seconds_bucket{le=\"1\"} 2", "c_seconds_bucket{le=\"5\"} 2",
        "c_seconds_bucket{le=\"+Inf\"} 3", "c_seconds_sum 60.008", "c_seconds_count 3",
      ])
  }

  @Test func whatIsReadIsReadWhenThePageIsWritten() {
    registry.observe("d.read") { [.init(.infinity, [("file", "a")]), .init(.nan)] }
    #expect(lines.suffix(2) == ["d{file=\"a\"} +Inf", "d NaN"])
  }

  @Test func aLibrarysOwnMetricIsShownUnderAValidName() {
    registry.makeCounter(label: "9-lives/used", dimensions: []).increment(by: 1)
    #expect(lines.suffix(2) == ["# TYPE _9_lives_used_total counter", "_9_lives_used_total 1"])
  }

  @Test func seriesBeyondTheLimitAreDroppedAndCounted() {
    let registry = MetricRegistry()
    for index in 0...MetricRegistry.seriesMax {
      registry.makeCounter(label: "grpc.server.resets", dimensions: [("by", "\(index)")])
        .increment(by: 1)
    }
    let page = registry.page()
    #expect(page.contains("by=\"\(MetricRegistry.seriesMax - 1)\""))
    #expect(!page.contains("by=\"\(MetricRegistry.seriesMax)\""))
    #expect(page.contains("metrics_dropped_series_total 1\n"))
  }

  @Test func aMetricOfAnotherKindIsDiscarded() {
    registry.makeMeter(label: "b.level", dimensions: []).set(1.0)
    registry.makeCounter(label: "b.level", dimensions: []).increment(by: 5)
    #expect(lines.last == "b 1")
  }

  @Test func valuesOfManyThreadsAddUp() async {
    let counter = registry.makeCounter(label: "a.count", dimensions: [])
    let timer = registry.makeTimer(label: "c.time", dimensions: [])
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<1_000 {
            counter.increment(by: 1)
            timer.recordNanoseconds(1)
          }
        }
      }
    }
    #expect(lines.contains("a_total 8000"))
    #expect(lines.last == "c_seconds_count 8000")
  }

  @Test func namesAndLabelsOfTheCatalogueAreUniqueAndValid() {
    let all = MetricCatalogue.all
    #expect(Set(all.map(\.label)).count == all.count)
    #expect(Set(all.map(\.name)).count == all.count)
    for definition in all {
      #expect(MetricDefinition.sanitised(definition.name) == definition.name)
      #expect(definition.help.hasSuffix("."))
      if case .counter = definition.kind { #expect(definition.name.hasSuffix("_total")) }
    }
  }

  @Test func theKernelTellsOfThisProcess() throws {
    let statistics = try #require(ProcessStatistics())
    #expect(statistics.residentMemory > 1_048_576)
    #expect(statistics.virtualMemory >= statistics.residentMemory)
    #expect(statistics.openDescriptors >= 3)
    #expect(statistics.descriptorsMax >= statistics.openDescriptors)
    #expect(statistics.threadCount >= 1)
  }
}
