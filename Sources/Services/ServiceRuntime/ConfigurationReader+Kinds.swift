package import Addresses
package import Cryptography
package import FoundationEssentials

/// The kinds of settings. Without a default a setting is required, unless its method says
/// otherwise.
extension ConfigurationReader {
  /// Free text on one line.
  package mutating func string(
    _ variable: String, default fallback: String? = nil, doc: String
  ) -> String {
    parsed(variable, default: fallback, doc: doc, expected: "text on one line") {
      $0.utf8.contains { $0 < 0x20 || $0 == 0x7F } ? nil : $0
    } ?? ""
  }

  /// Free text that may be left out.
  package mutating func optionalString(_ variable: String, doc: String) -> String? {
    declare(variable, absence: .isAllowed, doc: doc)
    return value(of: variable)
  }

  /// A secret, from the variable or from the file that `<variable>_FILE` names.
  package mutating func secret(_ variable: String, doc: String) -> SecretBytes {
    declare(variable, absence: .isRefused, doc: doc, isSecret: true, mayComeFromFile: true)
    return contents(of: variable, isSecret: true, isOptional: false) ?? SecretBytes(copying: [])
  }

  /// A secret that `parse` turns into something usable; it throws an error whose description says
  /// what is wrong and never repeats the secret.
  package mutating func secret<Value>(
    _ variable: String, doc: String, parse: (SecretBytes) throws -> Value
  ) -> Value? {
    declare(variable, absence: .isRefused, doc: doc, isSecret: true, mayComeFromFile: true)
    guard let secret = contents(of: variable, isSecret: true, isOptional: false) else { return nil }
    do {
      return try parse(secret)
    } catch {
      refuse(variable, String(describing: error))
      return nil
    }
  }

  /// A secret that may be left out.
  package mutating func optionalSecret(_ variable: String, doc: String) -> SecretBytes? {
    declare(variable, absence: .isAllowed, doc: doc, isSecret: true, mayComeFromFile: true)
    return contents(of: variable, isSecret: true, isOptional: true)
  }

  /// Public text of several lines, such as PEM, from the variable or from its `_FILE`.
  package mutating func text<Value>(
    _ variable: String, doc: String, parse: (String) throws -> Value
  ) -> Value? {
    declare(variable, absence: .isRefused, doc: doc, mayComeFromFile: true)
    guard let bytes = contents(of: variable, isSecret: false, isOptional: false) else { return nil }
    do {
      return try bytes.withUTF8String { try parse($0) }
    } catch {
      refuse(variable, String(describing: error))
      return nil
    }
  }

  /// A whole number.
  package mutating func integer(
    _ variable: String, default fallback: Int? = nil, in range: ClosedRange<Int>, doc: String
  ) -> Int {
    parsed(
      variable, default: fallback.map(String.init), doc: doc,
      expected: "a whole number from \(range.lowerBound) to \(range.upperBound)"
    ) { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    } ?? range.lowerBound
  }

  /// A length of time: a number with `ms`, `s`, `m`, `h` or `d` behind it, without one in seconds.
  package mutating func duration(
    _ variable: String, default fallback: Duration? = nil, in range: ClosedRange<Duration>,
    doc: String
  ) -> Duration {
    let least = DurationText.text(range.lowerBound)
    let most = DurationText.text(range.upperBound)
    return parsed(
      variable, default: fallback.map(DurationText.text), doc: doc,
      expected: "a time from \(least) to \(most), e.g. 90s, 15m, 12h or 30d"
    ) { text in
      DurationText.parse(text).flatMap { range.contains($0) ? $0 : nil }
    } ?? range.lowerBound
  }

  /// `host:port`; port 0 is allowed and means one of the kernel's choice.
  package mutating func address(
    _ variable: String, default fallback: String? = nil, doc: String
  ) -> NetworkAddress {
    parsed(
      variable, default: fallback, doc: doc, expected: "host:port or [IPv6 address]:port",
      parse: NetworkAddress.init(_:)) ?? NetworkAddress(host: "", port: 0)
  }

  /// `host:port` that may be left out.
  package mutating func optionalAddress(_ variable: String, doc: String) -> NetworkAddress? {
    declare(variable, absence: .isAllowed, doc: doc)
    guard let text = value(of: variable) else { return nil }
    guard let address = NetworkAddress(text) else {
      refuse(variable, "must be host:port or [IPv6 address]:port")
      return nil
    }
    return address
  }

  /// Where the instances of a service are: one or more `host:port` with commas between them. Never
  /// empty.
  package mutating func addresses(of service: String, _ variable: String) -> [NetworkAddress] {
    let read: [NetworkAddress]? = parsed(
      variable, default: nil,
      doc: "host:port of the service \(service), or of its instances with commas between them; a "
        + "name stands for all its addresses.",
      expected: "host:port or [IPv6 address]:port, or several with commas between them"
    ) { text in
      var addresses: [NetworkAddress] = []
      for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
        guard let address = NetworkAddress(Substring(part).trimmingSpaces()) else { return nil }
        addresses.append(address)
      }
      return addresses
    }
    return read ?? [NetworkAddress(host: "", port: 0)]
  }

  /// Values with commas between them; spaces around them and empty ones are dropped. Not set means
  /// none.
  package mutating func list(_ variable: String, doc: String) -> [String] {
    declare(variable, absence: .isAllowed, doc: doc)
    guard let text = value(of: variable) else { return [] }
    return text.split(whereSeparator: { $0 == "," || $0 == "\n" })
      .map { $0.trimmingSpaces() }.filter { !$0.isEmpty }
  }

  /// An absolute `http` or `https` URL without user, query or fragment; nil when it was refused.
  package mutating func url(
    _ variable: String, default fallback: String? = nil, doc: String
  ) -> URL? {
    parsed(
      variable, default: fallback, doc: doc, expected: "an absolute http or https URL",
      parse: Self.parsedURL)
  }

  /// The same, which may be left out.
  package mutating func optionalURL(_ variable: String, doc: String) -> URL? {
    declare(variable, absence: .isAllowed, doc: doc)
    guard let text = value(of: variable) else { return nil }
    guard let url = Self.parsedURL(text) else {
      refuse(variable, "must be an absolute http or https URL")
      return nil
    }
    return url
  }

  private static func parsedURL(_ text: String) -> URL? {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let url = URL(string: text),
      url.scheme == "https" || url.scheme == "http", let host = url.host(), !host.isEmpty,
      url.user() == nil, url.password() == nil, url.query() == nil, url.fragment() == nil
    else { return nil }
    return url
  }

  /// The path of a file; whether it can be used, its reader says.
  package mutating func path(_ variable: String, doc: String) -> String {
    parsed(variable, default: nil, doc: doc, expected: "a path") { $0 } ?? ""
  }

  /// Anything that is made from one line of text; `expected` completes "must be …".
  package mutating func parsed<Value>(
    _ variable: String, default fallback: String?, doc: String, expected: String,
    parse: (String) -> Value?
  ) -> Value? {
    declare(variable, absence: fallback.map { .usesDefault($0) } ?? .isRefused, doc: doc)
    guard let text = value(of: variable) ?? fallback else {
      refuse(variable, "is not set: must be \(expected)")
      return nil
    }
    guard let value = parse(text.trimmingSpaces()) else {
      refuse(variable, "must be \(expected)")
      return nil
    }
    return value
  }
}

extension StringProtocol {
  fileprivate func trimmingSpaces() -> String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}

/// Lengths of time as settings write them: `500ms`, `90s`, `15m`, `12h`, `30d`, or plain seconds.
package enum DurationText {
  private static let units: [(suffix: String, milliseconds: Int)] = [
    ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
  ]

  /// Nil unless it is a whole number with an optional unit.
  package static func parse(_ text: String) -> Duration? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let suffix = text[digits.endIndex...]
    guard let number = Int(digits),
      let unit = units.first(where: { $0.suffix == (suffix.isEmpty ? "s" : suffix) })
    else { return nil }
    let (milliseconds, overflow) = number.multipliedReportingOverflow(by: unit.milliseconds)
    return overflow ? nil : .milliseconds(milliseconds)
  }

  /// The shortest exact form, down to the millisecond.
  package static func text(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let milliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    guard milliseconds != 0 else { return "0s" }
    let unit = units.last { milliseconds % $0.milliseconds == 0 } ?? units[0]
    return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
  }
}
