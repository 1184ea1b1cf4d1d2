import Auth
import Cryptography
import OpenIDConnect
import ServiceRuntime
import Testing
import WebAuthn

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
    #expect(configuration.accounts.deletionGrace == .seconds(7 * 86_400))
  }

  @Test func limitsCanBeSet() throws {
    let configuration = try load(
      environment().merging([
        "SESSION_MAX_AGE": "12h", "LOG_INS_PER_MINUTE_PER_ACCOUNT": "1000",
        "LOG_INS_PER_MINUTE_PER_CLIENT": "2000", "SIGN_UPS_PER_HOUR_PER_CLIENT": "3000",
        "ACCOUNT_DELETION_GRACE": "0s",
      ]) { $1 })
    #expect(configuration.sessions.maxAge == .seconds(43_200))
    #expect(configuration.accounts.deletionGrace == .zero)
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

  private func problems(_ more: [String: String]) throws -> [String] {
    let environment = try environment()
    do throws(ConfigurationError) {
      _ = try load(environment.merging(more) { $1 })
      return []
    } catch {
      #expect(!"\(error)".contains("hunter2"))
      return error.problems.map(\.variable)
    }
  }

  @Test func passkeysBelongToTheHostOfThePortal() throws {
    func party(_ more: [String: String]) throws -> RelyingParty? {
      try load(environment().merging(more) { $1 }).relyingParty
    }
    #expect(try party([:]) == nil)
    let wide = try #require(
      try party([
        "PUBLIC_URL": "https://Keys.example.com/", "PASSKEY_ORIGINS": "https://eu.keys.example.com",
      ]))
    #expect(wide.id == "keys.example.com")
    #expect(wide.origins == ["https://keys.example.com", "https://eu.keys.example.com"])
    let local = try #require(try party(["PUBLIC_URL": "http://127.0.0.1:8080"]))
    #expect(local.id == "localhost" && local.origins == ["http://localhost:8080"])
    for origin in [
      "https://evil.example", "https://evilkeys.example.com", "http://keys.example.com",
    ] {
      #expect(
        try problems(["PUBLIC_URL": "https://keys.example.com", "PASSKEY_ORIGINS": origin])
          == ["PASSKEY_ORIGINS"])
    }
    #expect(try problems(["PASSKEY_ORIGINS": "https://a.example"]) == ["PASSKEY_ORIGINS"])
  }

  @Test func logInProvidersAreReadFromJSON() throws {
    func provider(_ members: String) -> String {
      #"[{"id": "corp", "name": "Corp", "issuer": "https://corp.example", "#
        + #""clientId": "c"\#(members)}]"#
    }
    func wrong(_ text: String) throws -> [String] {
      try problems(["PUBLIC_URL": "https://keys.example.com", "OIDC_PROVIDERS": text])
    }
    let read = try load(
      environment().merging([
        "PUBLIC_URL": "https://keys.example.com",
        "OIDC_PROVIDERS": provider(#", "clientSecret": "hunter2""#),
      ]) { $1 }
    ).openID.providers
    #expect(read.map(\.id) == ["corp"] && read[0].scope == "openid email profile")
    for text in [
      "hunter2", "[]", "{}", #"[{"id": "corp"}]"#, provider(#", "secret": "hunter2""#),
      provider(#", "scope": "email""#), provider(#", "clientSecret": 7"#),
      provider("").replacing("https", with: "http"), provider("").replacing("corp\"", with: "C/\""),
      "[" + provider("").dropFirst().dropLast() + "," + provider("").dropFirst(),
    ] {
      #expect(try wrong(text) == ["OIDC_PROVIDERS"], "\(text)")
    }
    #expect(try problems(["OIDC_PROVIDERS": provider("")]) == ["PUBLIC_URL"])
  }
}
