import Encodings
import NIOCore
import NIOHTTP1
import Telemetry

/// What the admin listener shows.
struct AdminPages: Sendable {
  /// An answer, complete.
  struct Page: Sendable {
    let status: HTTPResponseStatus
    let contentType: String
    let body: String
    var allow: String?

    init(_ status: HTTPResponseStatus, json: String) {
      (self.status, body, contentType) = (status, json + "\n", "application/json")
    }

    init(
      _ status: HTTPResponseStatus, text: String,
      contentType: String = "text/plain; charset=utf-8", allow: String? = nil
    ) {
      (self.status, body, self.contentType, self.allow) = (status, text, contentType, allow)
    }
  }

  let name: String
  let registry: MetricRegistry
  let readiness: Readiness
  /// Settings as they are in force, those that are secret without their values.
  let configuration: [(variable: String, value: String)]
  let started: NIODeadline

  func page(_ method: HTTPMethod, uri: String) -> Page {
    let path = uri.utf8.prefix { $0 != UInt8(ascii: "?") }
    guard let answer = answer(to: String(Substring(path))) else {
      return Page(.notFound, text: "there are /, /metrics, /healthz and /readyz\n")
    }
    guard method == .GET || method == .HEAD else {
      return Page(.methodNotAllowed, text: "GET only\n", allow: "GET, HEAD")
    }
    return answer()
  }

  private func answer(to path: String) -> (() -> Page)? {
    switch path {
    case "/": overview
    case "/metrics":
      { Page(.ok, text: registry.page(), contentType: MetricRegistry.contentType) }
    case "/healthz": { Page(.ok, json: JSONText.object([("status", JSONText.string("ok"))])) }
    case "/readyz": ready
    default: nil
    }
  }

  private func ready() -> Page {
    let isReady = readiness.isReady
    return Page(
      isReady ? .ok : .serviceUnavailable,
      json: JSONText.object([
        ("status", JSONText.string(isReady ? "ok" : "unavailable")), ("checks", checks),
      ]))
  }

  private var checks: String {
    JSONText.object(
      readiness.findings.map { ($0.name, JSONText.string($0.problem ?? "ok")) })
  }

  private func overview() -> Page {
    let uptime = (NIODeadline.now() - started).nanoseconds / 1_000_000_000
    return Page(
      .ok,
      json: JSONText.object([
        ("service", JSONText.string(name)), ("version", JSONText.string(Build.version)),
        ("uptimeSeconds", "\(uptime)"), ("ready", readiness.isReady ? "true" : "false"),
        ("checks", checks),
        (
          "configuration",
          JSONText.object(configuration.map { ($0.variable, JSONText.string($0.value)) })
        ),
      ]))
  }
}

/// What of Chatelaine this program was made from.
package enum Build {
  /// As CHANGELOG.md has it.
  package static let version = "unreleased"
}
