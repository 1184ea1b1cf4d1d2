import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// What becomes of a key after it was stored: changes in two tabs, former keys, quarantine, notes.
@Suite struct LifeOfKeysTests {
  private static let configs = "/api/v1/provider-configs"

  private func signedUp() async throws -> (Portal, UpstreamServer) {
    let (stack, upstream) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    return (portal, upstream)
  }

  /// A key of the upstream's, and the address of its configuration.
  private func stored(
    _ portal: Portal, _ upstream: UpstreamServer, _ key: String
  ) async throws -> (id: String, path: String) {
    let added = try await portal.addKey(
      "custom", key, label: "local", baseURL: "http://\(upstream.authority)/v1")
    #expect(added.status == 201, "\(added.text)")
    return (added.string("id"), "\(Self.configs)/\(added.string("id"))")
  }

  private func newKey() -> String { "sk-life-\(UUID().uuidString)" }

  /// The value of a page's hidden field.
  private func hidden(_ name: String, in page: Portal.Answer) throws -> String {
    let pattern = try Regex("name=\"\(name)\" value=\"([^\"]*)\"")
    return String(try #require(page.text.firstMatch(of: pattern)?[1].substring))
  }

  @Test func ofTwoProgramsThatChangeAKeyTheSecondIsToldAndChangesNothing() async throws {
    let (portal, upstream) = try await signedUp()
    let (_, path) = try await stored(portal, upstream, newKey())
    let read = try await portal.send(.GET, path)
    let etag = try #require(read.headers.first(name: "etag"))
    #expect(etag == "\"\(read.string("etag"))\"")

    let first = try await portal.send(
      .PATCH, path, json: ["note": "first"], headers: [("if-match", etag)])
    #expect(first.status == 200, "\(first.text)")
    #expect(first.headers.first(name: "etag") != etag)
    for (method, address) in [
      ("PATCH", path), ("DELETE", path), ("POST", "\(path):disable"), ("POST", "\(path):enable"),
    ] {
      let refused = try await portal.send(
        .init(rawValue: method), address, json: method == "DELETE" ? nil : [:],
        headers: [("if-match", etag)])
      #expect(refused.status == 412, "\(method) \(address) \(refused.text)")
      #expect(refused.text.contains("changed since you read it"))
    }
    let malformed = try await portal.send(
      .PATCH, path, json: ["note": "x"], headers: [("if-match", "W/\"1\"")])
    #expect(malformed.status == 400)
    let any = try await portal.send(
      .PATCH, path, json: ["note": "any"], headers: [("if-match", "*")])
    #expect(any.string("note") == "any")
    // A program may say it in the body, too.
    let inBody = try await portal.send(
      .PATCH, path, json: ["note": "x", "etag": read.string("etag")])
    #expect(inBody.status == 412)
    #expect(try await portal.send(.GET, path).string("note") == "any")
  }

  @Test func ofTwoTabsTheSecondIsShownWhatIsThereNow() async throws {
    let (portal, upstream) = try await signedUp()
    let (id, path) = try await stored(portal, upstream, newKey())
    let tab = try await portal.send(.GET, "/providers/\(id)")
    let (csrf, etag) = (try hidden("csrf", in: tab), try hidden("etag", in: tab))
    func save(_ label: String) async throws -> Portal.Answer {
      try await portal.send(
        .POST, "/providers/\(id)",
        form: [
          "csrf": csrf, "etag": etag, "label": label,
          "baseUrl": "http://\(upstream.authority)/v1",
        ])
    }
    #expect(try await save("first").status == 303)
    let second = try await save("second")
    #expect(second.status == 422)
    #expect(second.text.contains("has changed this key since you opened the page"))
    #expect(second.text.contains("value=\"second\""))
    #expect(try await portal.send(.GET, path).string("label") == "first")
    let notes = try await portal.send(
      .POST, "/providers/\(id)/notes", form: ["csrf": csrf, "etag": etag, "note": "late"])
    #expect(notes.status == 422)
    #expect(notes.text.contains("value=\"late\""))
  }

  @Test func aReplacedAndADeletedKeyComeBackThroughThePages() async throws {
    let (portal, upstream) = try await signedUp()
    let (first, second) = (newKey(), newKey())
    let (id, path) = try await stored(portal, upstream, first)
    let replaced = try await portal.send(
      .PATCH, path, json: ["apiKey": second, "storeAnyway": true])
    #expect(replaced.status == 200, "\(replaced.text)")
    let program = Portal(portal.address, bearer: try await portal.accessToken())
    func use() async throws -> String? {
      let answer = try await program.send(.GET, "/proxy/custom/local/v1/models")
      #expect(answer.status == 200, "\(answer.text)")
      return upstream.authorizations.last { [first, second].map { "Bearer \($0)" }.contains($0) }
    }
    #expect(try await use() == "Bearer \(second)")

    let former = try await portal.send(.GET, "/providers/\(id)/former")
    #expect(!former.text.contains(first))
    let action = try #require(
      former.text.firstMatch(of: #/action="(/providers/[^"]*/former/[^"]*)"/#)?.1)
    let restored = try await portal.send(
      .POST, String(action),
      form: ["csrf": try hidden("csrf", in: former), "etag": try hidden("etag", in: former)])
    #expect(restored.status == 303, "\(restored.text)")
    #expect(try await use() == "Bearer \(first)")

    #expect(try await portal.send(.DELETE, path).status == 204)
    #expect(try await program.send(.GET, "/proxy/custom/local/v1/models").status == 404)
    let deleted = try await portal.send(.GET, "/providers/deleted")
    #expect(deleted.text.contains("custom") || deleted.text.contains("local"))
    let back = try await portal.send(
      .POST, "/providers/\(id)/undelete", form: ["csrf": try hidden("csrf", in: deleted)])
    #expect(back.status == 303, "\(back.text)")
    #expect(try await use() == "Bearer \(first)")
    let versions = try await portal.send(.GET, "\(path)/versions").list("versions")
    #expect(versions.count == 1)
    let log = try await portal.auditEvents { events in
      events.contains { $0["action"] as? String == "provider-config.undelete" }
    }
    #expect(log.contains { $0["action"] as? String == "provider-config.restore" })
  }

  @Test func aKeyThatIsRefusedAgainAndAgainIsNotUsedUntilOneClick() async throws {
    let (portal, upstream) = try await signedUp()
    let key = newKey()
    let (id, path) = try await stored(portal, upstream, key)
    upstream.refuse(key)
    let program = Portal(portal.address, bearer: try await portal.accessToken())
    for _ in 0..<10 {
      #expect(try await program.send(.GET, "/proxy/custom/local/v1/models").status == 401)
    }
    let events = try await portal.auditEvents { events in
      events.contains { $0["action"] as? String == "provider-config.quarantine" }
    }
    #expect(events.count { $0["action"] as? String == "provider-config.quarantine" } == 1)
    let refused = try await program.send(.GET, "/proxy/custom/local/v1/models")
    #expect(refused.status == 403)
    #expect(refused.text.contains("in quarantine"))
    #expect(upstream.authorizations.count { $0 == "Bearer \(key)" } == 10)
    #expect(try await portal.send(.GET, path).string("quarantineTime") != "")

    let page = try await portal.send(.GET, "/providers/\(id)")
    #expect(page.text.contains("In quarantine"))
    upstream.refuse(key, false)
    let click = try await portal.send(
      .POST, "/providers/\(id)/enable",
      form: ["csrf": try hidden("csrf", in: page), "back": "page"])
    #expect(click.status == 303)
    #expect(try await program.send(.GET, "/proxy/custom/local/v1/models").status == 200)
  }

  @Test func notesAndTagsAreKeptFoundAndChangedInBulk() async throws {
    let (portal, upstream) = try await signedUp()
    let (id, path) = try await stored(portal, upstream, newKey())
    let page = try await portal.send(.GET, "/providers/\(id)")
    let saved = try await portal.send(
      .POST, "/providers/\(id)/notes",
      form: [
        "csrf": try hidden("csrf", in: page), "etag": try hidden("etag", in: page),
        "note": "Of the <lab>", "tags": "team-a, EU", "remindTime": "2999-01-31",
        "expireTime": "",
      ])
    #expect(saved.status == 303, "\(saved.text)")
    let stored = try await portal.send(.GET, path)
    #expect(stored.json["tags"] as? [String] == ["eu", "team-a"])
    #expect(stored.string("note") == "Of the <lab>")
    #expect(stored.string("remindTime").hasPrefix("2999-01-3"))
    let shown = try await portal.send(.GET, "/providers/\(id)")
    #expect(shown.text.contains("value=\"Of the &lt;lab&gt;\""))
    #expect(shown.text.contains("value=\"2999-01-31\""))

    let other = try await portal.addKey("openai", "sk-proj-0123456789abcdefABCDEF")
    let ids = [id, other.string("id")]
    let off = try await portal.send(
      .POST, "\(Self.configs):disable", json: ["ids": ids + [UUID().uuidString]])
    #expect(off.status == 200, "\(off.text)")
    #expect(off.list("providerConfigs").allSatisfy { $0["enabled"] as? Bool != true })
    #expect((off.json["missingIds"] as? [String])?.count == 1)
    func found(_ query: String) async throws -> [String] {
      try await portal.send(.GET, "\(Self.configs)?\(query)").list("providerConfigs")
        .compactMap { $0["id"] as? String }
    }
    #expect(try await found("tag=eu") == [id])
    #expect(try await found("state=DISABLED").count == 2)
    #expect(try await found("text=LAB&state=DISABLED") == [id])
    #expect(try await found("state=USABLE").isEmpty)
    let on = try await portal.send(.POST, "\(Self.configs):enable", json: ["ids": ids])
    #expect(on.list("providerConfigs").count == 2)
    let none = try await portal.send(.POST, "\(Self.configs):enable", json: ["ids": [String]()])
    #expect(none.status == 400)
    #expect(none.text.contains("ids"))
  }
}
