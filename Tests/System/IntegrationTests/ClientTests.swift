import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// Real clients, pinned in Tests/requirements.txt, against a stand-in for their providers.
///
/// Each case of Python/clients/with_CLIENT.py runs direct and through the proxy: both must give the
/// client the same and show the provider the same, and the access token must stay here.
@Suite struct ClientTests {
  @Test(arguments: Client.all)
  func theProxyMakesNoDifference(to client: Client) async throws {
    try await run(client, room: client.name) { "http://127.0.0.1:\($0.provider)" }
  }

  /// Direct by HTTP/1.1, through the proxy by HTTP/2.
  @Test(arguments: Client.overHTTP2)
  func norDoesAProviderThatSpeaksHTTP2(to client: Client) async throws {
    try await run(client, room: client.roomOverHTTP2) { "https://127.0.0.1:\($0.secure)" }
  }

  private func run(
    _ client: Client, room name: String, provider: (StandInProvider.Room) -> String
  ) async throws {
    let (stack, standIn) = try await SharedStack.shared.withStandIn()
    let room = try #require(standIn.rooms[name])
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn(name)
    let key = "sk-of-the-provider-\(UUID().uuidString)"
    try await store(key, of: client, at: provider(room), closed: room.closed, portal)

    let settings = try JSONSerialization.data(withJSONObject: [
      "portal": stack.address, "token": try await portal.accessToken(), "key": key,
      "admin": standIn.admin, "room": name,
      "ports": ["provider": room.provider, "elsewhere": room.elsewhere, "closed": room.closed],
    ])
    let result = try await runPython(
      "clients/run_client", [client.name, String(decoding: settings, as: UTF8.self)])
    let cases = try #require(result["cases"] as? [[String: Any]])
    let names = Set(cases.compactMap { $0["name"] as? String })
    #expect(!names.isEmpty && names.count == cases.count, "each case has a name of its own")

    for one in cases {
      let name = one["name"] as? String ?? ""
      let fault = one["fault"] as? String
      #expect(fault == nil, "\(client.name), \(name): \(fault ?? "")")
    }
  }

  /// Each provider's key leads to the stand-in, as `custom/local` does. Nobody listens at
  /// `custom/down`, the label `off` is disabled, and Azure's `deep` was stored with its /openai.
  private func store(
    _ key: String, of client: Client, at origin: String, closed port: Int, _ portal: Portal
  ) async throws {
    func add(
      _ provider: String, label: String? = nil, at url: String
    ) async throws -> Portal.Answer {
      let answer = try await portal.addKey(provider, key, label: label, baseURL: url)
      guard answer.status == 201 else { throw PortalError.unexpected(answer.text) }
      return answer
    }
    for provider in client.providers {
      // Groq's base URL in the catalogue ends in a path, as few do.
      let path = provider == "groq" ? "/openai" : ""
      _ = try await add(provider, at: origin + path)
    }
    if client.providers.contains("azure-openai") {
      _ = try await add("azure-openai", label: "deep", at: origin + "/openai")
    }
    _ = try await add("custom", label: "local", at: origin)
    _ = try await add("custom", label: "down", at: "http://127.0.0.1:\(port)")
    let off = try await add(client.providers[0], label: "off", at: origin)
    let disabled = try await portal.send(
      .POST, "/api/v1/provider-configs/\(off.string("id")):disable")
    #expect(disabled.status == 200, "\(disabled.text)")
  }
}
