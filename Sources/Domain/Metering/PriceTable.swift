/// What a model's tokens cost, in micro-dollars (a millionth of a dollar) for a million tokens.
package struct Price: Sendable, Hashable {
  package let input: Int
  /// Read from the provider's cache; nil where there is no such price.
  package let cached: Int?
  /// Put into the provider's cache for some minutes.
  package let cacheWritten: Int?
  /// Put into the provider's cache for an hour.
  package let cacheWrittenForHour: Int?
  package let output: Int
  /// The longest prompt to which these prices apply, in tokens; nil for any.
  package let inputTokensMax: Int?

  /// What these tokens cost, in nano-dollars (a billionth of a dollar), rounded half up; nil where
  /// some of them have no price here. Never a guess.
  package func cost(of counts: TokenCounts) -> Int? {
    guard !counts.isSpecial, counts.input <= inputTokensMax ?? .max else { return nil }
    let fresh =
      counts.input - counts.cached - counts.cacheWritten - counts.cacheWrittenForHour
    guard fresh >= 0, counts.input <= TokenCounts.tokensMax, counts.output <= TokenCounts.tokensMax
    else { return nil }
    var sum = fresh * input + counts.output * output
    for (tokens, price) in [
      (counts.cached, cached), (counts.cacheWritten, cacheWritten),
      (counts.cacheWrittenForHour, cacheWrittenForHour),
    ] where tokens > 0 {
      guard let price else { return nil }
      sum += tokens * price
    }
    return (sum + 500) / 1_000
  }
}

/// Prices by provider and model.
package struct PriceTable: Sendable {
  /// Why a table can't be read.
  package struct Problem: Error, Hashable {
    /// From 1.
    package let line: Int
    package let reason: String
  }

  /// The table of this version, `Prices/prices.txt`; a test reads it, so it can be read.
  package static let published =
    (try? PriceTable(String(decoding: PackageResources.prices_txt, as: UTF8.self)))
    ?? PriceTable()

  private var prices: [String: [String: Price]] = [:]

  /// Without any price.
  package init() {}

  /// Reads lines as `Prices/prices.txt` explains them.
  package init(_ text: String) throws(Problem) {
    let lines = text.utf8.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let words = line.split(separator: UInt8(ascii: " ")).map {
        String(decoding: $0, as: UTF8.self)
      }
      guard let provider = words.first, provider.utf8.first != UInt8(ascii: "#") else { continue }
      guard (7...8).contains(words.count) else {
        throw Problem(line: index + 1, reason: "has \(words.count) columns instead of 7 or 8")
      }
      guard prices[provider]?[words[1]] == nil else {
        throw Problem(line: index + 1, reason: "names \(words[1]) again")
      }
      guard let price = Price(words[2...]) else {
        throw Problem(line: index + 1, reason: "has a price that is no decimal number")
      }
      prices[provider, default: [:]][words[1]] = price
    }
  }

  /// How many models have a price.
  package var count: Int { prices.values.reduce(0) { $0 + $1.count } }

  /// The price of the model with this name, of one of its versions (`gpt-4o-2024-08-06`,
  /// `claude-sonnet-4-5-20250929`, `gemini-2.0-flash-001`) under that of its family.
  package func price(of model: String, at provider: String) -> Price? {
    guard let prices = prices[provider] else { return nil }
    if let price = prices[model] { return price }
    return Self.family(of: model).flatMap { prices[$0] }
  }

  /// What stands before a date or a number of at least three digits; nil where neither does. A
  /// shorter number is another model: `claude-opus-4-1`.
  private static func family(of model: String) -> String? {
    let bytes = Array(model.utf8)
    for count in [11, 9, 5, 4] where bytes.count > count {
      let end = bytes.suffix(count)
      guard end.first == UInt8(ascii: "-") else { continue }
      let groups = end.dropFirst().split(
        separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
      let isNumber = groups.allSatisfy { group in
        !group.isEmpty
          && group.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      }
      let isForm = count == 11 ? groups.map(\.count) == [4, 2, 2] : groups.count == 1
      if isNumber, isForm { return String(decoding: bytes.dropLast(count), as: UTF8.self) }
    }
    return nil
  }
}

extension Price {
  /// Reads the columns behind the model's name.
  fileprivate init?(_ columns: ArraySlice<String>) {
    let columns = Array(columns)
    guard columns.count >= 5, let input = Self.microdollars(columns[0]),
      let output = Self.microdollars(columns[4])
    else { return nil }
    var optional: [Int?] = []
    for column in columns[1...3] {
      let price = Self.microdollars(column)
      guard price != nil || column == "-" else { return nil }
      optional.append(price)
    }
    let largest = columns.count > 5 ? Int(columns[5]) : nil
    guard columns.count == 5 || largest != nil else { return nil }
    self.init(
      input: input, cached: optional[0], cacheWritten: optional[1],
      cacheWrittenForHour: optional[2], output: output, inputTokensMax: largest)
  }

  /// `0.075` as 75,000; nil for what is no decimal number below 1,000 with at most six digits
  /// behind the point.
  private static func microdollars(_ text: String) -> Int? {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let isDigits = parts.allSatisfy { part in
      !part.isEmpty && part.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
    guard isDigits, (1...2).contains(parts.count), parts[0].count <= 3,
      let whole = Int(String(decoding: parts[0], as: UTF8.self))
    else { return nil }
    guard parts.count == 2 else { return whole * 1_000_000 }
    guard parts[1].count <= 6, let fraction = Int(String(decoding: parts[1], as: UTF8.self)) else {
      return nil
    }
    return whole * 1_000_000 + (parts[1].count..<6).reduce(fraction) { value, _ in value * 10 }
  }
}
