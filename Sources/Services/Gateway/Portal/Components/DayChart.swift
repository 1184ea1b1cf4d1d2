/// Bars, one for each day, drawn as SVG, with the same numbers as a table beneath.
struct DayChart: Sendable {
  /// What the parts of a bar mean, from the bottom up; at most five.
  struct Series: Sendable, Hashable {
    let name: String
    /// 1 to 5: a colour of the stylesheet; 5 is for what went wrong.
    let tone: Int
  }

  struct Day: Sendable {
    /// E.g. `17 Nov`.
    let name: String
    /// Where choosing the bar leads; nil for nowhere.
    let href: String?
    /// One count for each series.
    let counts: [Int]

    var total: Int { counts.reduce(0, +) }
  }

  /// A row of the table.
  struct Row: Sendable {
    let name: String
    let counts: [String]
  }

  private static let width = 680.0
  private static let left = 44.0
  private static let top = 8.0
  private static let labelEvery = 7

  let title: String
  let svg: String
  let series: [Series]
  let rows: [Row]
  let isEmpty: Bool

  /// - Parameter text: how a number reads.
  init(
    title: String, series: [Series], days: [Day], height: Double = 140,
    text: (Int) -> String = DayChart.grouped
  ) {
    self.title = title
    self.series = series
    rows = days.map { Row(name: $0.name, counts: $0.counts.map { text($0) }) }
    let largest = days.map(\.total).max() ?? 0
    isEmpty = largest == 0
    svg = Self.svg(
      title, series, days, scale: Self.scale(largest), height: height, amount: text)
  }

  /// The smallest even number of one or two leading digits that nothing exceeds.
  static func scale(_ largest: Int) -> Int {
    var unit = 1
    while largest / unit >= 20 { unit *= 10 }
    return max(2, ((largest + 2 * unit - 1) / (2 * unit)) * 2 * unit)
  }

  /// With commas: 12,400.
  static func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    var text = number < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  private static func svg(
    _ title: String, _ series: [Series], _ days: [Day], scale: Int, height: Double,
    amount: (Int) -> String
  ) -> String {
    let base = height - 22
    let step = (width - left - 6) / Double(max(days.count, 1))
    var parts = [
      #"<svg class="chart" viewBox="0 0 \#(text(width)) \#(text(height))" role="group" "#
        + #"aria-label="\#(escaped(title)), by day">"#
    ]
    for (value, y) in [(scale, top), (scale / 2, (top + base) / 2)] {
      parts.append(
        #"<path class="axis" d="M\#(text(left)) \#(text(y))H\#(text(width - 6))"/>"#
          + #"<text class="end" x="\#(text(left - 6))" y="\#(text(y + 4))">"#
          + "\(amount(value))</text>"
      )
    }
    for (index, day) in days.enumerated() {
      let x = left + step * Double(index)
      parts.append(
        bar(day, series, x: x, step: step, base: base, scale: scale, amount: amount))
      if index % max(1, days.count / labelEvery) == 0 {
        parts.append(
          #"<text class="middle" x="\#(text(x + step / 2))" y="\#(text(height - 6))">"#
            + "\(escaped(day.name))</text>")
      }
    }
    return parts.joined() + "</svg>"
  }

  private static func bar(
    _ day: Day, _ series: [Series], x: Double, step: Double, base: Double, scale: Int,
    amount: (Int) -> String
  ) -> String {
    var y = base
    var rectangles = ""
    for (part, count) in zip(series, day.counts) where count > 0 {
      let height = (base - top) * Double(count) / Double(scale)
      y -= height
      rectangles +=
        #"<rect class="s\#(part.tone)" x="\#(text(x + step * 0.15))" y="\#(text(y))" "#
        + #"width="\#(text(step * 0.7))" height="\#(text(height))" rx="2"/>"#
    }
    let spoken = escaped(spoken(day, series, amount))
    guard let href = day.href, day.total > 0 else {
      return "<g><title>\(spoken)</title>\(rectangles)</g>"
    }
    // The whole column can be pointed at, however small the bar.
    return #"<a href="\#(escaped(href))" aria-label="\#(spoken)"><title>\#(spoken)</title>"#
      + #"<rect class="hit" x="\#(text(x))" y="\#(text(top))" width="\#(text(step))" "#
      + #"height="\#(text(base - top))"/>\#(rectangles)</a>"#
  }

  /// E.g. `17 Nov: 96 done, 3 failed`.
  private static func spoken(
    _ day: Day, _ series: [Series], _ amount: (Int) -> String
  ) -> String {
    let parts = zip(series, day.counts).filter { $0.1 > 0 }
      .map { "\(amount($0.1)) \($0.0.name)" }
    return "\(day.name): \(parts.isEmpty ? "none" : parts.joined(separator: ", "))"
  }

  private static func escaped(_ text: String) -> String { EscapedHTML.escape(text) }

  /// One digit behind the point.
  static func text(_ number: Double) -> String {
    let tenths = Int(exactly: (number * 10).rounded()) ?? 0
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(abs(tenths % 10))"
  }
}

/// The course of a few numbers as one small line; the numbers stand beside it in words.
struct Sparkline: Sendable {
  let svg: String

  init(_ counts: [Int]) {
    let largest = Double(max(counts.max() ?? 0, 1))
    let step = 94.0 / Double(max(counts.count - 1, 1))
    let points = counts.enumerated().map { index, count in
      "\(DayChart.text(1 + step * Double(index))) "
        + DayChart.text(24 - 22 * Double(count) / largest)
    }
    svg =
      #"<svg class="spark" viewBox="0 0 96 26" aria-hidden="true"><path d="M"#
      + points.joined(separator: "L") + #""/></svg>"#
  }
}
