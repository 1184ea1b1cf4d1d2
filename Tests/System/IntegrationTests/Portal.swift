import Foundation
import NIOCore
import NIOHTTP1
import TestSupport

/// A person's or program's HTTP client: cookies of its own, JSON in and out.
final class Portal {
  struct Answer {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    /// The body as a JSON object; empty when it is none.
    var json: [String: Any] {
      (try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]) ?? [:]
    }
    func list(_ key: String) -> [[String: Any]] { json[key] as? [[String: Any]] ?? [] }
    func string(_ key: String) -> String { json[key] as? String ?? "" }
  }

  let address: String
  private var cookies: [String: String] = [:]
  private var csrfToken: String?
  var bearer: String?

  init(_ address: String, bearer: String? = nil) {
    self.address = address
    self.bearer = bearer
  }

  /// The session cookie's value, for tests that look for it where it must not be.
  var sessionToken: String? {
    cookies.first { $0.key.contains("session") }?.value
  }

  func send(
    _ method: HTTPMethod, _ path: String, json: [String: Any]? = nil,
    form: [String: String]? = nil, headers: [(String, String)] = []
  ) async throws -> Answer {
    var fields = HTTPHeaders()
    fields.add(name: "user-agent", value: "integration-tests")
    if let bearer { fields.add(name: "authorization", value: "Bearer \(bearer)") }
    if !cookies.isEmpty {
      fields.add(
        name: "cookie", value: cookies.map { "\($0.key)=\($0.value)" }.joined(separator: "; "))
    }
    if let csrfToken, method != .GET {
      fields.add(name: "x-csrf-token", value: csrfToken)
    }
    for (name, value) in headers { fields.replaceOrAdd(name: name, value: value) }
    var body: TestHTTPClient.Body?
    if let json {
      fields.replaceOrAdd(name: "content-type", value: "application/json")
      body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: json)))
    }
    if let form {
      fields.replaceOrAdd(name: "content-type", value: "application/x-www-form-urlencoded")
      fields.replaceOrAdd(name: "sec-fetch-site", value: "same-origin")
      let pairs = form.map { name, value in
        "\(name)="
          + (value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")
      }
      body = .bytes(ByteBuffer(string: pairs.joined(separator: "&")))
    }
    let response = try await TestHTTPClient().send(
      method, address + path, headers: fields, body: body)
    let received = try await response.body.collect(upTo: 4 << 20)
    for cookie in response.headers["set-cookie"] { keep(cookie) }
    return Answer(
      status: Int(response.status.code), headers: response.headers,
      body: Array(received.readableBytesView))
  }

  private func keep(_ cookie: String) {
    let pair = cookie.split(separator: ";").first?.split(
      separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let pair, pair.count == 2 else { return }
    let value = String(pair[1])
    if value.isEmpty || cookie.lowercased().contains("max-age=0") {
      cookies[String(pair[0])] = nil
    } else {
      cookies[String(pair[0])] = value
    }
  }

  // MARK: What people do

  static let password = "correct horse battery staple 9"

  /// Signs up with a fresh address and logs in.
  func signUpAndLogIn(_ name: String = "person") async throws -> String {
    let email = "\(name)-\(UUID().uuidString.prefix(8).lowercased())@example.org"
    let account = try await send(
      .POST, "/api/v1/accounts", json: ["email": email, "password": Self.password])
    guard account.status == 201 else { throw PortalError.unexpected(account.text) }
    let session = try await logIn(email)
    guard session.status == 201 else { throw PortalError.unexpected(session.text) }
    return email
  }

  func logIn(_ email: String, password: String = Portal.password) async throws -> Answer {
    let answer = try await send(
      .POST, "/api/v1/sessions", json: ["email": email, "password": password])
    if answer.status == 201 { csrfToken = answer.string("csrfToken") }
    return answer
  }

  func addKey(
    _ provider: String, _ key: String, label: String? = nil, baseURL: String? = nil
  ) async throws -> Answer {
    // No provider ever gave what tests store, and they store it again and again.
    var body: [String: Any] = ["provider": provider, "apiKey": key, "storeAnyway": true]
    if let label { body["label"] = label }
    if let baseURL { body["baseUrl"] = baseURL }
    return try await send(.POST, "/api/v1/provider-configs", json: body)
  }

  func accessToken(
    _ name: String = "tests", scopes: [String] = ["USE"]
  ) async throws -> String {
    let answer = try await send(
      .POST, "/api/v1/access-tokens", json: ["name": name, "scopes": scopes])
    guard answer.status == 201 else { throw PortalError.unexpected(answer.text) }
    return answer.string("token")
  }

  /// Waits until the audit log, which is delivered to, satisfies `condition`; bounded.
  func auditEvents(
    _ query: String = "pageSize=200", until condition: ([[String: Any]]) -> Bool
  ) async throws -> [[String: Any]] {
    let limit = ContinuousClock.now.advanced(by: .seconds(20))
    while true {
      let events = try await send(.GET, "/api/v1/audit-events?\(query)").list("events")
      if condition(events) || ContinuousClock.now > limit { return events }
      // Delivery from the outbox is asynchronous and the log has no push interface yet.
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}

enum PortalError: Error { case unexpected(String) }
