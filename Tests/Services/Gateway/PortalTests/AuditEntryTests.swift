import Protobuf
import Providers
import ServiceAPI
import Testing

@testable import Portal

@Suite struct AuditEntryTests {
  private static let tokenID = "00000000-0000-4000-8000-0000000000b1"
  private let names = AuditNames(
    tokens: [AuthAPI.AccessToken(id: tokenID, name: "notebook")],
    configs: [VaultAPI.ProviderConfig(id: "c1", provider: "openai", label: "default")],
    catalogue: .standard)

  private func event(
    _ action: String, _ outcome: AuditAPI.AuditEvent.Outcome = .success,
    _ details: [String: StructValue] = [:],
    target: (type: String, name: String) = ("provider-config", "openai/default")
  ) -> AuditAPI.AuditEvent {
    AuditAPI.AuditEvent(
      id: "e1", sequence: 12_400, actor: .init(type: "user", id: "u", name: "a@example.org"),
      action: action, target: .init(type: target.type, id: "c1", name: target.name),
      outcome: outcome, ipAddress: "203.0.113.9", details: Struct(fields: details))
  }

  private func sentence(_ event: AuditAPI.AuditEvent) -> String {
    let entry = AuditEntry(event, names: names)
    return [entry.actor, entry.verb, entry.object, entry.note.map { "(\($0))" }]
      .compactMap(\.self).joined(separator: " ")
  }

  @Test func aUseNamesItsTokenItsKeyAndWhatCameOfIt() {
    let details: [String: StructValue] = [
      "credential": .string("access-token"), "credentialId": .string(Self.tokenID),
      "purpose": .string("POST /v1/chat/completions"), "status": .number(200),
      "milliseconds": .number(412),
    ]
    #expect(
      sentence(event("credential.use", .success, details))
        == "notebook used OpenAI, default (POST /v1/chat/completions · 200 · 412 ms)")
    var metered = details
    metered["inputTokens"] = .number(1_203)
    metered["outputTokens"] = .number(88)
    metered["cachedTokens"] = .number(1_000)
    metered["costNanodollars"] = .number(412_000)
    metered["model"] = .string("gpt-4.1")
    let use = event("credential.use", .success, metered)
    #expect(
      sentence(use) == "notebook used OpenAI, default (POST /v1/chat/completions · 200 · 412 ms · "
        + "1,203 in, 88 out)")
    let facts = AuditEntry(use, names: names).facts.map { "\($0.name): \($0.value)" }
    #expect(facts.contains("Tokens: 1,203 in, 88 out, 1,000 of a cache"))
    #expect(facts.contains("List price: $0.000412"))
    #expect(facts.contains("Model: gpt-4.1"))
    var refused = details
    refused["status"] = .number(401)
    refused["reason"] = .string("error-status")
    #expect(
      sentence(event("credential.use", .failure, refused))
        == "notebook used OpenAI, default (POST /v1/chat/completions · 401 · 412 ms · "
        + "the provider refused the key)")
  }

  @Test func whatYouDidIsSaidOfYou() {
    let details: [String: StructValue] = ["credential": .string("session")]
    #expect(
      sentence(event("provider-config.create", .success, details)) == "You stored OpenAI, default")
    #expect(
      sentence(
        event("access-token.create", .success, details, target: ("access-token", "notebook")))
        == "You created the access token notebook")
    #expect(
      sentence(event("session.create", .failure, target: ("account", "a@example.org")))
        == "You tried to log in (from 203.0.113.9)")
    #expect(
      sentence(event("provider-config.delete", .denied, ["reason": .string("missing-scope")]))
        == "You tried to delete OpenAI, default (the token may not do this)")
  }

  @Test func whatHasNoNameAnyMoreIsSaidSo() {
    let details: [String: StructValue] = [
      "credential": .string("access-token"), "credentialId": .string("gone"),
    ]
    #expect(
      sentence(
        event(
          "credential.resolve", .success, details, target: ("provider-config", "gone-provider/x")))
        == "a revoked token opened, for one use, gone-provider, x")
    #expect(sentence(event("a.new-action", target: ("", ""))) == "You a.new-action")
  }

  @Test func numbersThatAreNoneDoNoHarm() {
    let odd: [String: StructValue] = [
      "status": .number(.infinity), "milliseconds": .number(.nan),
      "expiresInSeconds": .number(1e300),
    ]
    #expect(AuditEntry(event("credential.use", .success, odd), names: names).number == "12,400")
  }

  @Test func everyActionOfTheCatalogueHasWords() {
    for (action, label) in AuditActionName.labels where !label.isEmpty {
      let verb = AuditActionName.verb(of: action, isDone: false)
      #expect(!verb.contains("."), "\(action)")
    }
  }

  @Test func aRangeOfDaysIsFollowedThroughTheChangeOfClocks() throws {
    let berlin = try #require(ZoneDatabase.system.zone(named: "Europe/Berlin"))
    let last = try #require(berlin.startOfDay("2027-03-30"))
    let range = DayRange(lastDay: last, count: 4, zone: berlin)
    #expect(
      range.boundaries.map { Moment(secondsSinceEpoch: $0, zone: berlin).date }
        == ["2027-03-27", "2027-03-28", "2027-03-29", "2027-03-30", "2027-03-31"])
    #expect(
      zip(range.boundaries, range.boundaries.dropFirst()).map { $1 - $0 }
        == [86_400, 82_800, 86_400, 86_400])
  }
}
