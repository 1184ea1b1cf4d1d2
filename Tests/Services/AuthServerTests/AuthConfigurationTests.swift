import Auth
import Cryptography
import ServiceRuntime
import Testing

@testable import AuthServer

@Suite struct AuthConfigurationTests {
  private func environment() throws -> [String: String] {
    [
      "DATABASE_URL": "postgres://auth@localhost/chatelaine",
      "ASSERTION_SIGNING_KEY": try Ed25519.SigningKey.generate().pemRepresentation
        .withUTF8String { $0 },
      "AUDIT_ADDRESS": "localhost:7003", "VAULT_ADDRESS": "localhost:7002",
    ]
  }

  private func load(_ environment: [String: String]) throws(ConfigurationError) -> AuthConfiguration
  {
    var reader = ConfigurationReader(environment: environment)
    return try AuthConfiguration.load(&reader)
  }

  @Test func whatIsNotSetHasItsDefault() throws {
    let configuration = try load(environment())
    #expect(configuration.sessions.maxAge == SessionPolicy.maxAgeDefault)
    #expect(configuration.rates == AttemptLimits.Rates())
  }

  @Test func limitsCanBeSet() throws {
    let configuration = try load(
      environment().merging([
        "SESSION_MAX_AGE": "12h", "LOG_INS_PER_MINUTE_PER_ACCOUNT": "1000",
        "LOG_INS_PER_MINUTE_PER_CLIENT": "2000", "SIGN_UPS_PER_HOUR_PER_CLIENT": "3000",
      ]) { $1 })
    #expect(configuration.sessions.maxAge == .seconds(43_200))
    #expect(configuration.rates.logInsPerAccount == AttemptRate(1000, per: .seconds(60)))
    #expect(configuration.rates.logInsPerSource == AttemptRate(2000, per: .seconds(60)))
    #expect(configuration.rates.signUpsPerSource == AttemptRate(3000, per: .seconds(3600)))
  }

  @Test func everythingWrongIsToldAtOnceAndNoSecretRepeated() throws {
    do throws(ConfigurationError) {
      _ = try load([
        "DATABASE_URL": "mysql://auth:hunter2@localhost", "ASSERTION_SIGNING_KEY": "hunter2",
        "SESSION_MAX_AGE": "1s",
      ])
      Issue.record("was accepted")
    } catch {
      #expect(
        error.problems.map(\.variable) == [
          "DATABASE_URL", "ASSERTION_SIGNING_KEY", "VAULT_ADDRESS", "AUDIT_ADDRESS",
          "SESSION_MAX_AGE",
        ])
      #expect(!"\(error)".contains("hunter2"))
    }
  }
}
