package import Backend
import Callers
package import Edge
import HTTPTypes
import NIOCore
import RPC
import ServiceAPI

/// The log's tree for everybody (C2SP tlog-tiles), and a person's own entries with their proofs.
///
/// Checkpoints, tiles and leaves tell a stranger how many entries there are and nothing else.
package struct LogRoutes: Sendable {
  private static let disposition = HTTPField.Name.fixed("content-disposition")

  let services: Services
  let authenticator: Authenticator

  package init(services: Services, authenticator: Authenticator) {
    self.services = services
    self.authenticator = authenticator
  }

  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/log/checkpoint", .plain) { exchange in
        Self.text(try await checkpoint(exchange).note)
      },
      try Edge.Route(["GET"], "/log/key", .plain) { exchange in
        Self.text(try await checkpoint(exchange).key + "\n")
      },
      try Edge.Route(["GET"], "/log/tile/{path=**}", .plain) { try await tile($0) },
      try Edge.Route(["GET"], "/api/v1/audit-log/proof", .api) { try await proof($0) },
    ]
  }

  private func checkpoint(_ exchange: Exchange) async throws -> AuditAPI.Checkpoint {
    try await services.audit.getCheckpoint(
      AuditAPI.GetCheckpointRequest(), options: exchange.strangersOptions)
  }

  private static func text(_ text: String) -> Response {
    Response(
      status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
      body: .init(byteBuffer: ByteBuffer(string: text)))
  }

  private func tile(_ exchange: Exchange) async throws -> Response {
    guard let path = TilePath(exchange.variable("path")) else { throw Problem(.notFound) }
    let tile = try await services.audit.getTile(
      AuditAPI.GetTileRequest(
        level: path.level ?? 0, index: path.index, width: path.width, leaves: path.level == nil),
      options: exchange.strangersOptions)
    return Response(
      status: .ok, headers: [.contentType: "application/octet-stream"],
      body: .init(byteBuffer: ByteBuffer(bytes: tile.content)))
  }

  /// Pages are fetched while the lines before them are on their way, and held no longer.
  private func proof(_ exchange: Exchange) async throws -> Response {
    var request = AuditAPI.ProveEventsRequest()
    for (name, value) in try exchange.parameters() {
      switch name {
      case "id": request.id = value
      case "since":
        guard let since = Int64(value) else { throw Problem.invalid("since", "is not a number") }
        request.since = since
      default: throw Problem.invalid(name, "is not known here: 'id' and 'since' are")
      }
    }
    let options = try await authenticator.visitor(of: exchange).options(for: exchange)
    let first = try await services.audit.proveEvents(request, options: options)
    let lines = ResponseBody { [request] writer in
      defer { exchange.log.write(.ok) }
      var page = first
      var next = request
      try await writer.write(Self.buffer([page.header] + page.lines))
      while page.nextAfterEvent > 0 {
        (next.afterEvent, next.size, next.since) = (page.nextAfterEvent, page.size, nil)
        page = try await services.audit.proveEvents(next, options: options)
        try await writer.write(Self.buffer(page.lines))
      }
      try await writer.finish(nil)
    }
    return Response(
      status: .ok,
      headers: [
        .contentType: "application/jsonl",
        Self.disposition: "attachment; filename=\"chatelaine-log.jsonl\"",
      ], body: lines)
  }

  private static func buffer(_ lines: [[UInt8]]) -> ByteBuffer {
    var buffer = ByteBuffer()
    for line in lines {
      buffer.writeBytes(line)
      buffer.writeInteger(UInt8(ascii: "\n"))
    }
    return buffer
  }
}

/// Where a tile or a bundle of leaves lies: `0/x001/x234/067`, `entries/000.p/17`.
struct TilePath: Equatable {
  /// Nil for leaves.
  let level: Int32?
  let index: Int64
  /// 256 unless the path says how much there is.
  let width: Int32

  private static let widthWhole: Int32 = 256
  private static let partial = ".p"
  /// Steps of three digits; no log is longer.
  private static let stepsMax = 6

  /// Nil for a path that is not spelled just so, with or without the slash in front.
  init?(_ path: String) {
    var steps = path.split(atByte: "/", omittingEmpty: false)[...]
    if steps.first?.isEmpty == true { steps = steps.dropFirst() }
    guard let area = steps.popFirst() else { return nil }
    if area == "entries" {
      level = nil
    } else {
      guard let number = Self.number(area, digits: 1...1), number <= 5 else { return nil }
      level = Int32(number)
    }
    var width = Self.widthWhole
    if steps.count >= 2, let step = steps.dropLast().last, step.endsWithBytes(of: Self.partial) {
      guard let text = steps.popLast(), let number = Self.number(text, digits: 1...3),
        (1..<Int64(Self.widthWhole)).contains(number), text.utf8.first != UInt8(ascii: "0")
      else { return nil }
      width = Int32(number)
      steps[steps.endIndex - 1] = Substring(step.utf8.dropLast(Self.partial.utf8.count))
    }
    self.width = width
    guard (1...Self.stepsMax).contains(steps.count) else { return nil }
    var index: Int64 = 0
    for (place, step) in zip(1..., steps) {
      let isLast = place == steps.count
      guard isLast || step.utf8.first == UInt8(ascii: "x"),
        let number = Self.number(isLast ? step : Substring(step.utf8.dropFirst()), digits: 3...3)
      else { return nil }
      index = index * 1_000 + number
    }
    // One spelling only.
    guard steps.count == 1 || steps.first != "x000" else { return nil }
    self.index = index
  }

  private static func number(_ text: Substring, digits: ClosedRange<Int>) -> Int64? {
    guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    return Int64(text)
  }
}
