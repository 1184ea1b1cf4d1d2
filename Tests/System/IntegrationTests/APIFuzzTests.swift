import TestSupport
import Testing

/// Schemathesis, which makes up requests from the OpenAPI document, against the running portal.
@Suite struct APIFuzzTests {
  /// Made-up requests for each operation, beside those that the document's own limits suggest.
  private static let examplesPerOperation = 10

  @Test func theAPIAnswersWhatItsDocumentSaysAndNeverFails() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn("fuzz")
    let token = try await portal.accessToken("fuzz", scopes: ["USE", "MANAGE", "READ_AUDIT"])
    let result = try await runPython(
      "fuzz_api", [stack.address, token, "\(Self.examplesPerOperation)"])
    #expect(result["status"] as? Int == 0, "\(result["report"] ?? "")")
    #expect((result["cases"] as? Int ?? 0) > 200)
  }
}
