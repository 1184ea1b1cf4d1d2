import Egress
import ServiceRuntime
import Testing

@testable import GatewayServer

@Suite struct GatewayConfigurationTests {
  private static let variable = "CHATELAINE_UPSTREAM_HTTP2"

  private func load(_ value: String?) throws(ConfigurationError) -> GatewayConfiguration {
    var environment = [
      "AUTH_ADDRESS": "127.0.0.1:1", "VAULT_ADDRESS": "127.0.0.1:2", "AUDIT_ADDRESS": "127.0.0.1:3",
      "PUBLIC_URL": "https://keys.example.com",
    ]
    environment[Self.variable] = value
    var reader = ConfigurationReader(environment: environment)
    return try GatewayConfiguration(from: &reader)
  }

  @Test(arguments: [(nil, true), ("on", true), ("off", false)])
  func http2IsOfferedToProvidersUnlessItIsSwitchedOff(value: String?, isOffered: Bool) throws {
    #expect(try load(value).upstreamLimits.offersHTTP2 == isOffered)
  }

  @Test func anotherWordIsRefusedByName() {
    var reader = ConfigurationReader(environment: [Self.variable: "maybe"])
    let error = #expect(throws: ConfigurationError.self) {
      _ = try GatewayConfiguration.load(&reader)
    }
    let problem = error?.problems.first { $0.variable == Self.variable }
    #expect(problem?.reason == "must be on or off")
  }
}
