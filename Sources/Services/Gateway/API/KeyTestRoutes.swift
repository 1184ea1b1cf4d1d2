package import Backend
package import Edge
import HTTPTypes
package import KeyTesting
import Protobuf
import ServiceAPI

/// The part of the JSON API that asks providers about keys.
package struct KeyTestRoutes: Sendable {
  let authenticator: Authenticator
  let tester: KeyTester

  package init(authenticator: Authenticator, tester: KeyTester) {
    (self.authenticator, self.tester) = (authenticator, tester)
  }

  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["POST"], "/api/v1/provider-configs/{id}:test", .api) { exchange in
        let visitor = try await authenticator.visitor(of: exchange)
        let body = try await JSONRoutes.body(of: exchange)
        let request = try GatewayAPI.TestProviderConfigRequest(
          json: body.isEmpty ? Array("{}".utf8) : body)
        let id = exchange.variable("id")
        guard request.id.isEmpty || request.id.utf8.elementsEqual(id.utf8) else {
          throw Problem.invalid("id", "is another than the address names")
        }
        return Self.response(
          try await tester.test(id: id, isSecond: request.secondKey, for: visitor, exchange))
      },
      try Edge.Route(["POST"], "/api/v1/provider-configs:test", .api) { exchange in
        let visitor = try await authenticator.visitor(of: exchange)
        let request = try GatewayAPI.TestKeyRequest(json: try await JSONRoutes.body(of: exchange))
        return Self.response(try await tester.test(request, for: visitor, exchange))
      },
    ]
  }

  private static func response(_ test: GatewayAPI.KeyTest) -> Response {
    JSONRoutes.response(test.json(), status: .ok)
  }
}
