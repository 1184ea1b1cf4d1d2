import Backend
import Callers
import Edge
import HTTPTypes
import Protobuf
import RPC
import Testing

@Suite struct ProblemTests {
  @Test(arguments: [
    (RPCError.Code.invalidArgument, 400), (.outOfRange, 400), (.unauthenticated, 401),
    (.permissionDenied, 403), (.notFound, 404), (.alreadyExists, 409), (.aborted, 409),
    (.failedPrecondition, 409), (.resourceExhausted, 429), (.unavailable, 503),
    (.deadlineExceeded, 504), (.internal, 500), (.unknown, 500), (.dataLoss, 500),
    (.unimplemented, 500), (.cancelled, 500), (.ok, 500),
  ])
  func everyOutcomeOfACallHasAStatus(code: RPCError.Code, status: Int) {
    #expect(Problem(RPCError(code, "why")).status.code == status)
  }

  @Test func aFullStorageIsNoLimitOfTheCaller() {
    let problem = Problem(RPCError.storageFull)
    #expect(problem.status.code == 507)
    #expect(problem.detail.contains("the storage is full"))
    #expect(problem.headers[.retryAfter] == "5")
    let json = problem.json(requestID: "r1", for: .sdk)
    #expect(json.contains(#""code":"insufficient_storage""#), "\(json)")
  }

  @Test func aServersFaultSaysNothingAboutItself() {
    let problem = Problem(RPCError(.internal, "table secrets is gone", detail: "at line 7"))
    #expect(!problem.json(requestID: "r").contains("secrets"))
    #expect(problem.logDetail?.contains("at line 7") == true)
  }

  @Test func aWrongFieldIsNamedAsInJSON() {
    let error = RPCError(
      .invalidArgument, "no",
      details: [.badRequest(field: "base_url", description: "must begin with https://")])
    #expect(
      Problem(error).json(requestID: "r1")
        == #"{"type":"about:blank","title":"Bad Request","status":400,"detail":"no","#
        + #""requestId":"r1","errors":[{"field":"baseUrl","detail":"must begin with https://"}]}"#)
  }

  @Test func anSDKFindsTheSentenceWhereItsProviderPutsIt() {
    let problem = Problem(.unauthorized, "the token is not valid")
    let openAI = problem.json(requestID: "r1", for: .sdk)
    #expect(
      openAI == #"{"type":"about:blank","title":"Unauthorized","status":401,"#
        + #""detail":"the token is not valid","requestId":"r1","#
        + #""error":{"message":"the token is not valid","type":"authentication_error","#
        + #""code":"unauthorized"}}"#)
    let anthropic = problem.json(requestID: "r1", for: .anthropicSDK)
    #expect(anthropic == openAI.replacing(#""about:blank""#, with: #""error""#))
    #expect(!problem.json(requestID: "r1").contains(#""error""#))
    let silent = Problem(.badGateway).json(requestID: "r1", for: .sdk)
    #expect(silent.contains(#""message":"Bad Gateway","type":"api_error","code":"bad_gateway""#))
  }

  @Test func anthropicsSDKsAreKnownByTheirFieldOrTheirProvider() throws {
    let version = try #require(HTTPField.Name("anthropic-version"))
    #expect(ProblemReader(ofProxied: [version: "1"], path: "/proxy/custom/a/b") == .anthropicSDK)
    #expect(ProblemReader(ofProxied: [:], path: "/proxy/anthropic/v1/x") == .anthropicSDK)
    #expect(ProblemReader(ofProxied: [:], path: "/proxy/openai/v1/x") == .sdk)
  }

  @Test func aFieldThatContradictsWhatIsStoredIsBadInput() {
    let error = RPCError(
      .failedPrecondition, "no", details: [.badRequest(field: "api_key", description: "needed")])
    #expect(Problem(error).status == .badRequest)
  }

  @Test(arguments: [
    (RPCError.Code.resourceExhausted, Duration.milliseconds(2_500), "3"),
    (.resourceExhausted, .seconds(7), "7"), (.unavailable, .milliseconds(1), "1"),
  ])
  func theTimeToWaitIsRoundedUp(code: RPCError.Code, delay: Duration, header: String) {
    let error = RPCError(code, "later", details: [.retryInfo(delay: delay)])
    #expect(Problem(error).headers[.retryAfter] == header)
    #expect(Problem(RPCError(code, "later")).headers[.retryAfter] == "1")
  }

  @Test func anUnauthenticatedAnswerNamesTheScheme() {
    #expect(Problem(RPCError(.unauthenticated, "no")).headers[.wwwAuthenticate] != nil)
  }

  @Test func badJSONNamesItsField() {
    let problem = Problem(MessageError.invalidField("pageSize", reason: "must be a number"))
    #expect(problem.status == .badRequest)
    #expect(problem.fields == [Problem.Field(name: "pageSize", detail: "must be a number")])
  }
}
