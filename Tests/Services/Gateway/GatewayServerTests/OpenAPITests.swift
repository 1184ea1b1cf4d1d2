import API
import Edge
import NIOHTTP1
import Protobuf
import RPC
import ServiceAPI
import Testing

/// `/api/openapi.json` and the page that shows it, against what the gateway does.
@Suite struct OpenAPITests {
  private static let document = try? JSONParser.parse(OpenAPIRoutes.document)

  private struct Operation {
    let verb: String
    let path: String
    let value: JSONValue
  }

  private static func operations() throws -> [Operation] {
    let document = try #require(document)
    return document.member("paths").members.flatMap { path, item in
      item.members.map { Operation(verb: $0.0.uppercased(), path: path, value: $0.1) }
    }
  }

  @Test func everyRouteOfTheServicesIsThere() throws {
    let described = Set(try Self.operations().map { "\($0.verb) \($0.path)" })
    let methods =
      AuthAPI.AuthMethods.all + VaultAPI.VaultMethods.all + AuditAPI.AuditMethods.all
      + GatewayAPI.GatewayMethods.all
    let routes = methods.flatMap(\.httpRules).map { "\($0.verb) \($0.template)" }
    #expect(described == Set(routes))
    #expect(routes.count > 12)
  }

  /// What is not JSON: docs/verify-the-log.md describes it.
  private static let otherContent: Set<String> = ["GET /api/v1/audit-log/proof"]

  @Test func everyRouteOfTheGatewayIsThere() async throws {
    let described = Set(try Self.operations().map { "\($0.verb) \($0.path)" })
    try await TestGateway.run { gateway in
      let routes: [String] = gateway.routes.flatMap { route in
        route.verbs.map { "\($0) \(route.template.text)" }
      }.filter { $0.contains(" /api/v1/") }
      #expect(Set(routes).subtracting(described) == Self.otherContent)
      #expect(routes.count > described.count)
    }
  }

  @Test func itSaysWhichRoutesNeedACredential() async throws {
    try await TestGateway.run { gateway in
      for operation in try Self.operations() {
        let path = operation.path.replacing(/\{[^}]*\}/, with: "7")
        let answer = try await gateway.json(
          HTTPMethod(rawValue: operation.verb), path,
          headers: [("origin", "http://portal.example")], "{}")
        let isOpen = operation.value.has("security")
        // A log-in with nothing is 401 too, and needs no credential.
        #expect(
          (answer.status == 401) == !isOpen || path.hasSuffix("/sessions"),
          "\(operation.verb) \(path): \(answer.status)")
        let described = operation.value.member("responses").members.map(\.0)
        #expect(described.contains("\(answer.status)"))
      }
    }
  }

  @Test func everyReferenceLeadsSomewhere() throws {
    let document = try #require(Self.document)
    func check(_ value: JSONValue) {
      for (name, inner) in value.members {
        if name == "$ref", case .string(let reference) = inner {
          let place = reference.split(separator: "/").dropFirst().reduce(document) {
            $0.member(String($1))
          }
          #expect(place != .null, "\(reference)")
        }
        check(inner)
      }
      if case .array(let elements) = value { elements.forEach(check) }
    }
    check(document)
  }

  @Test func itIsServedAndShownToAnybody() async throws {
    try await TestGateway.run { gateway in
      let document = try await gateway.send(.GET, "/api/openapi.json")
      #expect(document.status == 200)
      #expect(Array(document.body.utf8) == OpenAPIRoutes.document)
      let page = try await gateway.send(.GET, "/api/docs")
      #expect(page.status == 200)
      for operation in try Self.operations() {
        #expect(page.body.contains("\(operation.verb) \(operation.path)"))
      }
    }
  }

  @Test(arguments: [
    ("GET", "/api/v1/accounts", "OPTIONS, POST"),
    ("DELETE", "/api/v1/provider-configs", "GET, HEAD, OPTIONS, POST"),
    ("GET", "/api/v1/provider-configs/7:test", "OPTIONS, POST"),
    ("PUT", "/api/v1/provider-configs:test", "OPTIONS, POST"),
  ])
  func anotherMethodIsToldWhichThereAre(verb: String, path: String, allowed: String) async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.send(HTTPMethod(rawValue: verb), path)
      #expect(answer.status == 405)
      #expect(answer.headers.first(name: "allow") == allowed)
    }
  }
}

extension JSONValue {
  fileprivate var members: [(String, JSONValue)] {
    guard case .object(let members) = self else { return [] }
    return members.map { ($0.name, $0.value) }
  }

  fileprivate func member(_ name: String) -> JSONValue {
    members.first { $0.0 == name }?.1 ?? .null
  }

  fileprivate func has(_ name: String) -> Bool { members.contains { $0.0 == name } }
}
