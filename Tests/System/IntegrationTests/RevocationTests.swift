import Foundation
import LocalDeployment
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

/// Access tokens that end without the gateway's doing: as through another gateway, or by hand.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RevocationTests {
  private static let path = "/proxy/custom/local/v1/models"

  /// A stack of its own, a program whose token has been in use, and the token's id.
  private struct Scene {
    let stack: RunningStack
    let program: Portal
    let tokenID: String

    init() async throws {
      let upstream = try await UpstreamServer.start()
      stack = try await RunningStack.start(environment: [
        "CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority,
        // A test freezes `auth` on purpose.
        "CHATELAINE_HEALTH_WATCH": "off",
      ])
      let owner = Portal(stack.address)
      _ = try await owner.signUpAndLogIn()
      _ = try await owner.addKey(
        "custom", "sk-0123456789abcdef", label: "local",
        baseURL: "http://\(upstream.authority)/v1")
      program = Portal(stack.address, bearer: try await owner.accessToken())
      let tokens = try await owner.send(.GET, "/api/v1/access-tokens").list("accessTokens")
      tokenID = try #require(tokens.first?["id"] as? String)
      for _ in 1...5 {
        let answer = try await program.send(.GET, RevocationTests.path)
        #expect(answer.status == 200, "\(answer.text)")
      }
    }

    func status() async throws -> Int { try await program.send(.GET, RevocationTests.path).status }

    /// Behind the back of every process.
    func revoke() async throws {
      try await StateDirectory(stack.stateDirectory).cluster().runScript(
        "DELETE FROM auth.access_tokens WHERE id = '\(tokenID)';", database: "chatelaine")
    }

    func auth() throws -> Int32 {
      try #require(try children(of: stack.processID, named: "auth").first)
    }

    /// Uses the token until the answer is another than success; says which. The request that is
    /// under way at that moment is broken off.
    func statusAfterSuccess() async -> Int {
      while true {
        if let status = try? await status(), status != 200 { return status }
      }
    }
  }

  @Test func aTokenThatEndsInTheDatabaseIsRefused() async throws {
    let scene = try await Scene()
    try await scene.revoke()
    #expect(await scene.statusAfterSuccess() == 401)
    await scene.stack.stopAndRemove()
  }

  @Test func whileAuthIsFrozenNoTokenIsTakenOnTrust() async throws {
    let scene = try await Scene()
    let auth = try scene.auth()
    kill(auth, SIGSTOP)
    try await scene.revoke()
    #expect([503, 504].contains(await scene.statusAfterSuccess()))
    kill(auth, SIGCONT)
    var status = try await scene.status()
    while status > 500 { status = try await scene.status() }
    #expect(status == 401)
    await scene.stack.stopAndRemove()
  }

  @Test func anAnswerEndsWhoseTokenWasRevokedWhileAuthWasAway() async throws {
    let scene = try await Scene()
    let headers: HTTPHeaders = [
      "authorization": "Bearer \(scene.program.bearer ?? "")", "content-type": "application/json",
    ]
    let answer = try await TestHTTPClient().send(
      .POST, scene.stack.address + "/proxy/custom/local/v1/chat/completions", headers: headers,
      body: .bytes(ByteBuffer(string: #"{"stream":true,"user":"\#(UUID())"}"#)))
    #expect(answer.status == .ok)
    var pieces = answer.body.makeAsyncIterator()
    #expect(try await pieces.next() != nil)
    kill(try scene.auth(), SIGKILL)
    try await scene.revoke()
    // The provider never sends the rest: only the gateway can end this.
    await #expect(throws: (any Error).self) { while try await pieces.next() != nil {} }
    #expect(await scene.statusAfterSuccess() != 200)
    await scene.stack.stopAndRemove()
  }
}
