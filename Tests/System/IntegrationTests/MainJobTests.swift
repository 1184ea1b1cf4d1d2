import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// The main job over HTTP, through all four processes and a real PostgreSQL.
@Suite struct MainJobTests {
  @Test func aPersonKeepsKeysAndSeesEverythingInTheLog() async throws {
    let (stack, upstream) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    let email = try await portal.signUpAndLogIn()
    #expect(try await portal.send(.GET, "/api/v1/me").string("email") == email)

    let key = "sk-canary-\(UUID().uuidString)"
    let added = try await portal.addKey("openai", key)
    #expect(added.status == 201)
    #expect(!added.text.contains(key))
    let id = added.string("id")
    let custom = try await portal.addKey(
      "custom", "custom-key-0123456789abcdef", label: "local",
      baseURL: "http://\(upstream.authority)/v1")
    #expect(custom.status == 201, "\(custom.text)")
    #expect(custom.string("baseUrl") == "http://\(upstream.authority)/v1")

    let listed = try await portal.send(.GET, "/api/v1/provider-configs").list("providerConfigs")
    #expect(listed.map { $0["provider"] as? String } == ["openai", "custom"])
    #expect(listed.allSatisfy { ($0["maskedKey"] as? String)?.contains("…") == true })

    let path = "/api/v1/provider-configs/\(id)"
    let disabled = try await portal.send(.POST, path + ":disable")
    #expect(disabled.json["enabled"] as? Bool == false)
    let enabled = try await portal.send(.POST, path + ":enable")
    #expect(enabled.json["enabled"] as? Bool == true)
    let replaced = try await portal.send(
      .PATCH, path, json: ["apiKey": "sk-replaced-0123456789abWXYZ"])
    #expect(replaced.status == 200)
    #expect(replaced.string("maskedKey").hasSuffix("WXYZ"))
    #expect((200...204).contains(try await portal.send(.DELETE, path).status))
    #expect(try await portal.send(.GET, path).status == 404)

    let expected: Set = [
      "account.create", "session.create", "provider-config.create", "provider-config.disable",
      "provider-config.enable", "provider-config.update", "provider-config.delete",
    ]
    let events = try await portal.auditEvents { events in
      expected.isSubset(of: Set(events.compactMap { $0["action"] as? String }))
    }
    #expect(expected.isSubset(of: Set(events.compactMap { $0["action"] as? String })))
    for event in events {
      #expect(event["outcome"] as? String == "SUCCESS")
      #expect(event["ipAddress"] as? String == "127.0.0.1")
      #expect(event["userAgent"] as? String == "integration-tests")
      #expect((event["requestId"] as? String)?.isEmpty == false)
      #expect((event["time"] as? String)?.hasSuffix("Z") == true)
    }
  }

  @Test func aFailedLogInIsRefusedAlikeAndRecorded() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    let email = try await portal.signUpAndLogIn()

    let stranger = Portal(stack.address)
    let wrong = try await stranger.logIn(email, password: "not the password at all")
    let unknown = try await stranger.logIn("nobody-\(UUID().uuidString.lowercased())@example.org")
    #expect(wrong.status == 401)
    #expect(unknown.status == 401)
    #expect(wrong.string("detail") == unknown.string("detail"))

    let events = try await portal.auditEvents("action=session.create&outcome=FAILURE") {
      !$0.isEmpty
    }
    #expect(events.count == 1)
  }

  @Test func logOutEndsTheSessionAtOnce() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    let cookie = try #require(portal.sessionToken)
    #expect((200...204).contains(try await portal.send(.DELETE, "/api/v1/sessions/current").status))

    let replay = Portal(stack.address)
    let answer = try await replay.send(
      .GET, "/api/v1/me", headers: [("cookie", "chatelaine-session=\(cookie)")])
    #expect(answer.status == 401)
  }

  @Test func badInputNamesTheField() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    let cases: [(provider: String, key: String, label: String?, baseURL: String?, field: String)] =
      [
        ("no-such-provider", "sk-0123456789", nil, nil, "provider"),
        ("openai", "", nil, nil, "apiKey"),
        ("openai", "line\nbreak-0123456789", nil, nil, "apiKey"),
        ("openai", "sk-0123456789", "No Spaces Allowed", nil, "label"),
        ("custom", "sk-0123456789", "c", nil, "baseUrl"),
        ("custom", "sk-0123456789", "c", "http://169.254.169.254/v1", "baseUrl"),
        ("custom", "sk-0123456789", "c", "http://127.0.0.1:1/v1", "baseUrl"),
        ("custom", "sk-0123456789", "c", "ftp://example.org/", "baseUrl"),
        ("custom", "sk-0123456789", "c", "https://u:p@example.org/", "baseUrl"),
      ]
    for bad in cases {
      let answer = try await portal.addKey(
        bad.provider, bad.key, label: bad.label, baseURL: bad.baseURL)
      #expect([400, 422].contains(answer.status), "\(bad): \(answer.text)")
      #expect(answer.text.contains(bad.field), "\(bad): \(answer.text)")
      #expect(
        answer.headers.first(name: "content-type")?.hasPrefix("application/problem+json") == true)
    }
    #expect(
      try await portal.send(.GET, "/api/v1/provider-configs").list("providerConfigs").isEmpty)
  }

  @Test func theSameProviderAndLabelTwiceIsAConflict() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    #expect(try await portal.addKey("openai", "sk-0123456789abcdef").status == 201)
    #expect(try await portal.addKey("openai", "sk-0123456789abcdef").status == 409)
    #expect(
      try await portal.addKey("openai", "sk-0123456789abcdef", label: "second").status == 201)
    let doubtful = try await portal.send(
      .POST, "/api/v1/provider-configs",
      json: ["provider": "openai", "apiKey": "sk-0123456789abcdef", "label": "third"])
    #expect(doubtful.status == 400)
    #expect(doubtful.text.contains("stored already"))
  }

  @Test func aChangeByCookieNeedsTheCSRFToken() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    let attempts: [[(String, String)]] = [
      [("x-csrf-token", "")], [("x-csrf-token", "wrong")], [("origin", "https://evil.example")],
      [("sec-fetch-site", "cross-site")],
    ]
    for headers in attempts {
      let answer = try await portal.send(
        .POST, "/api/v1/access-tokens", json: ["name": "x"], headers: headers)
      #expect(answer.status == 403, "\(headers): \(answer.text)")
    }
    let token = try await portal.accessToken(scopes: ["MANAGE"])
    let program = Portal(stack.address, bearer: token)
    let child = try await program.send(
      .POST, "/api/v1/access-tokens", json: ["name": "y", "scopes": ["MANAGE"]])
    #expect(child.status == 201)
    let events = try await portal.auditEvents("action=request.forge&pageSize=200") {
      $0.count == attempts.count
    }
    #expect(events.allSatisfy { $0["outcome"] as? String == "DENIED" })
  }

  @Test func anAccessTokenDoesNoMoreThanItWasGiven() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    #expect(try await portal.addKey("openai", "sk-0123456789abcdef").status == 201)
    let user = Portal(stack.address, bearer: try await portal.accessToken())
    let reader = Portal(
      stack.address, bearer: try await portal.accessToken("log", scopes: ["READ_AUDIT"]))
    #expect(try await user.send(.GET, "/api/v1/me").status == 200)
    for (method, path, json) in [
      (.POST, "/api/v1/access-tokens", ["name": "x"]), (.GET, "/api/v1/access-tokens", nil),
      (.POST, "/api/v1/provider-configs", ["provider": "openai", "apiKey": "sk-0123456789"]),
      (.GET, "/api/v1/provider-configs", nil),
    ] as [(HTTPMethod, String, [String: Any]?)] {
      for program in [user, reader] {
        let answer = try await program.send(method, path, json: json)
        #expect(answer.status == 403, "\(method) \(path): \(answer.text)")
      }
    }
    #expect(try await user.send(.GET, "/api/v1/audit-events").status == 403)
    #expect(try await reader.send(.GET, "/api/v1/audit-events").status == 200)
    let denied = try await portal.auditEvents("outcome=DENIED&pageSize=200") { $0.count == 9 }
    #expect(
      Set(denied.compactMap { $0["action"] as? String }) == [
        "access-token.create", "access-token.list", "provider-config.create",
        "provider-config.list", "audit-event.list",
      ])
  }

  @Test func everyAnswerCarriesTheSecurityHeaders() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    for path in ["/", "/log-in", "/api/v1/me", "/no-such-page", "/healthz", "/proxy/openai/v1/x"] {
      let answer = try await portal.send(.GET, path)
      #expect(answer.headers.first(name: "x-content-type-options") == "nosniff", "\(path)")
      #expect(answer.headers.first(name: "referrer-policy") != nil, "\(path)")
      let policy = answer.headers.first(name: "content-security-policy") ?? ""
      #expect(policy.contains("frame-ancestors 'none'"), "\(path)")
      #expect(!policy.contains("unsafe"), "\(path)")
    }
    #expect(try await portal.send(.GET, "/healthz").status == 200)
    #expect(try await portal.send(.GET, "/readyz").status == 200)
  }
}
