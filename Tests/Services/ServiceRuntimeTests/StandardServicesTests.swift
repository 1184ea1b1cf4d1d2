import Identity
import Logging
import Protobuf
import RPC
import RPCInProcess
import RPCServices
import ServiceAPI
import Testing

@testable import ServiceRuntime

/// Health and reflection behind the interceptors that every service has.
@Suite struct StandardServicesTests {
  /// A vault that nobody calls.
  private struct Vault: RPCService {
    let methodHandlers = VaultAPI.VaultMethods.all.map { method in
      MethodHandler(method, .unary { request, _ in request })
    }
    let fileDescriptor: ProtoFileDescriptor? = .chatelaineVaultV1Vault
  }

  private static let vaultName = "chatelaine.vault.v1.Vault"

  private let standard = StandardServices(beside: [Vault()])

  private func channel(as identities: String...) -> InProcessChannel {
    InProcessChannel(
      services: standard.all,
      interceptors: ServiceChassis.interceptors(
        CallPolicy(
          rules: [:], operators: [PeerIdentity.operator], requestIDKey: "request-id", callers: nil),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
      peer: Peer(address: "test", identities: identities))
  }

  private func status(
    _ service: String, on channel: InProcessChannel
  ) async throws -> HealthService.Status {
    try await HealthAPI.HealthClient(channel: channel)
      .check(HealthAPI.HealthCheckRequest(service: service)).status
  }

  private func listedServices(on channel: InProcessChannel) async throws -> [String] {
    try await ReflectionAPI.ServerReflectionClient(channel: channel).serverReflectionInfo {
      requests, responses in
      try await requests.write(
        ReflectionAPI.ServerReflectionRequest(messageRequest: .listServices("")))
      guard case .listServicesResponse(let list) = try await responses.next()?.messageResponse
      else { return [] }
      return list.service.map(\.name)
    }
  }

  private func listedServicesByTheOldVersion(on channel: InProcessChannel) async throws -> [String]
  {
    try await ReflectionV1alphaAPI.ServerReflectionClient(channel: channel).serverReflectionInfo {
      requests, responses in
      try await requests.write(
        ReflectionV1alphaAPI.ServerReflectionRequest(messageRequest: .listServices("")))
      guard case .listServicesResponse(let list) = try await responses.next()?.messageResponse
      else { return [] }
      return list.service.map(\.name)
    }
  }

  @Test(arguments: [PeerIdentity.gateway, PeerIdentity.audit, "spiffe://chatelaine/probe"])
  func everyVerifiedPeerMayAskForHealth(_ identity: String) async throws {
    let channel = channel(as: identity)
    #expect(try await status("", on: channel) == .serving)
    #expect(try await status(Self.vaultName, on: channel) == .serving)
  }

  @Test func aPeerWithoutAnIdentityMayNotAskForHealth() async {
    let failure = await #expect(throws: RPCError.self) { try await status("", on: channel()) }
    #expect(failure?.code == .permissionDenied)
  }

  @Test func reflectionShowsTheAPIToOperators() async throws {
    let channel = channel(as: PeerIdentity.operator)
    let names = [
      Self.vaultName, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]
    #expect(try await listedServices(on: channel) == names)
    #expect(try await listedServicesByTheOldVersion(on: channel) == names)
  }

  @Test func reflectionIsDeniedToServices() async {
    let channel = channel(as: PeerIdentity.gateway)
    let failure = await #expect(throws: RPCError.self) { try await listedServices(on: channel) }
    #expect(failure?.code == .permissionDenied)
    let old = await #expect(throws: RPCError.self) {
      try await listedServicesByTheOldVersion(on: channel)
    }
    #expect(old?.code == .permissionDenied)
  }

  @Test func whatNoRuleNamesStaysDenied() async {
    let failure = await #expect(throws: RPCError.self) {
      try await VaultAPI.VaultClient(channel: channel(as: PeerIdentity.gateway))
        .getProviderConfig(VaultAPI.GetProviderConfigRequest())
    }
    #expect(failure?.code == .permissionDenied)
  }
}
