import LocalDeployment
import Logging
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import TLS
import TestSupport
import Testing

/// grpcio, the implementation that most of the world calls with, against our server over mutual
/// TLS.
@Suite struct GRPCIOClientTests {
  private let certificates: TestCertificates

  init() throws {
    certificates = try TestCertificates()
  }

  @Test(arguments: [
    "unary", "metadata", "status", "unimplemented", "deadline", "cancel", "large", "concurrent",
  ])
  func aCallFromPythonWorks(_ name: String) async throws {
    let result = try await run(name, as: certificates.paths("gateway"))
    #expect(result.hasSuffix("ok\n"), "\(result)")
  }

  @Test func anExpiredCertificateIsRefused() async throws {
    let result = try await run("refused", as: certificates.paths(.expired(service: "gateway")))
    #expect(result.hasSuffix("ok\n"), "\(result)")
  }

  @Test func aCertificateOfAnotherAuthorityIsRefused() async throws {
    let others = try TestCertificates()
    let stranger = try others.paths("gateway")
    let result = try await run("refused", as: stranger)
    #expect(result.hasSuffix("ok\n"), "\(result)")
    withExtendedLifetime(others) {}
  }

  @Test func aClientWithoutACertificateIsRefused() async throws {
    let result = try await run("refused", as: nil)
    #expect(result.hasSuffix("ok\n"), "\(result)")
  }

  private func run(_ name: String, as client: CertificatePaths?) async throws -> String {
    let server = try await InteropServer(certificates.paths("vault"))
    let script = #filePath.replacing("GRPCIOClientTests.swift", with: "Python/drive_calls.py")
    let (_, output) = try await Python.run(
      script,
      [
        "\(server.port)", certificates.paths("vault").authority, client?.certificate ?? "",
        client?.privateKey ?? "", name,
      ])
    await server.stop()
    return output
  }
}
