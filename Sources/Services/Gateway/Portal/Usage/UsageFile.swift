import Edge
import Encodings
import HTTPTypes
import NIOCore
import Protobuf

/// The numbers of the usage page for other programs: a line or an object for each day and group
/// that has requests.
struct UsageFile: Sendable {
  private static let disposition = HTTPField.Name.fixed("content-disposition")

  let usage: Usage
  let grouping: Usage.Grouping

  /// Calls `body` with each day's date and the groups that have requests on it.
  private func forEach(_ body: (_ date: String, _ group: Usage.Group, _ day: Int) -> Void) {
    for (day, moment) in usage.range.moments.enumerated() {
      for group in usage.groups where group.requests[day] > 0 { body(moment.date, group, day) }
    }
  }

  /// Comma-separated values (RFC 4180). What nobody told is an empty cell, not 0.
  static func csv(_ file: UsageFile) -> Response {
    var lines = [
      "day,\(file.grouping.rawValue),requests,failed,input_tokens,output_tokens,cached_tokens,"
        + "cost_usd"
    ]
    file.forEach { date, group, day in
      let taken = group.taken[day]
      let tokens = [taken.input, taken.output, taken.cached]
        .map { taken.meteredCount == 0 ? "" : "\($0)" }
      let cost = taken.pricedCount == 0 ? "" : Money.decimal(taken.nanodollars)
      let cells =
        [date, cell(group.name), "\(group.requests[day])", "\(group.failed[day])"]
        + tokens + [cost]
      lines.append(cells.joined(separator: ","))
    }
    return response(
      Array(lines.map { $0 + "\r\n" }.joined().utf8), type: "text/csv; charset=utf-8", ending: "csv"
    )
  }

  /// The same as JSON, with costs in billionths of a dollar.
  static func json(_ file: UsageFile) -> Response {
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("rows")
    writer.beginArray()
    file.forEach { date, group, day in
      let taken = group.taken[day]
      writer.beginObject()
      writer.name("day")
      writer.string(date)
      writer.name(file.grouping.rawValue)
      writer.string(group.name)
      var numbers = [("requests", group.requests[day]), ("failed", group.failed[day])]
      if taken.meteredCount > 0 {
        numbers += [
          ("meteredRequests", taken.meteredCount), ("inputTokens", taken.input),
          ("outputTokens", taken.output), ("cachedTokens", taken.cached),
        ]
      }
      if taken.pricedCount > 0 {
        numbers += [
          ("pricedRequests", taken.pricedCount), ("costNanodollars", taken.nanodollars),
        ]
      }
      for (name, number) in numbers {
        writer.name(name)
        writer.raw("\(number)")
      }
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return response(writer.bytes, type: "application/json", ending: "json")
  }

  private static func response(_ bytes: [UInt8], type: String, ending: String) -> Response {
    Response(
      status: .ok,
      headers: [
        .contentType: type,
        disposition: "attachment; filename=\"chatelaine-usage.\(ending)\"",
      ], body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  /// A name as a cell. What a spreadsheet would take for a formula is marked as text.
  private static func cell(_ text: String) -> String {
    let isFormula = text.utf8.first.map { "=+-@\t\r".utf8.contains($0) } ?? false
    let marked = isFormula ? "'" + text : text
    let quoted = marked.split(atByte: "\"", omittingEmpty: false).joined(separator: "\"\"")
    return "\"\(quoted)\""
  }
}
