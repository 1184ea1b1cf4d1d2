import Backend
package import Edge
import Egress
import HTTPTypes
package import Providers
package import RPC

/// What clients of the proxy are told, in sentences that say what to do: SDKs show nothing else.
package struct ProxyProblem: Sendable {
  /// The longest name of a client's that is repeated, in bytes.
  private static let nameBytesMax = 64

  let publicOrigin: String
  let requestBytesMax: Int

  package init(publicOrigin: String, requestBytesMax: Int) {
    self.publicOrigin = publicOrigin
    self.requestBytesMax = requestBytesMax
  }

  // MARK: Before a key is opened

  package var noToken: Problem {
    .unauthenticated(
      "no access token of this portal came with the request: send one, which begins with chat_, "
        + "where the provider's key would be, e.g. as Authorization: Bearer. Make one at "
        + "\(publicOrigin)/access-tokens")
  }

  package var deadToken: Problem {
    .unauthenticated(
      "the access token is not valid: it is mistyped, revoked or has ended. Make one at "
        + "\(publicOrigin)/access-tokens")
  }

  package static var tokenInAddress: Problem {
    Problem(
      .badRequest,
      "the access token must not be in the address, which ends up in logs: send it in a header")
  }

  static func refused(_ failure: UploadGrants.Failure) -> Problem {
    switch failure {
    case .ended:
      var problem = Problem.unauthenticated(
        "the upload's address has ended, as each does after an hour: begin the upload again")
      problem.headers[.shouldRetry] = "false"
      return problem
    case .unknown:
      return final(
        "no upload may be sent to this address: it was changed, or given by another gateway or "
          + "before a restart. Begin the upload again")
    }
  }

  /// A browser was led to an address with somebody's token in it.
  package static var navigation: Problem {
    Problem(.badRequest, "a page can't be opened with an access token: send it in a header")
  }

  /// The request has been here before (RFC 5842, 7.2).
  package static var loop: Problem {
    Problem(
      .loopDetected, "the request came back to this portal: the endpoint is the portal itself",
      headers: [.shouldRetry: "false"])
  }

  package func unknownProvider(_ name: String, _ catalogue: ProviderCatalogue) -> Problem {
    let names = catalogue.providers.map(\.id).joined(separator: ", ")
    let name = name.utf8.count <= Self.nameBytesMax ? "named '\(name)'" : "of this name"
    return Problem(.notFound, "there is no provider \(name); there are \(names)")
  }

  /// Somebody has too much under way, or everybody has.
  static func refused(_ refusal: RequestShares.Refusal) -> Problem {
    let headers: HTTPFields = [.retryAfter: "1"]
    return switch refusal {
    case .requestsOfUser(let max):
      Problem(
        .tooManyRequests,
        "you have \(max) requests under way, as many as one user may have "
          + "(PROXY_REQUESTS_PER_USER_MAX)", headers: headers)
    case .bodiesOfUser(let bytesMax):
      Problem(
        .tooManyRequests,
        "the bodies of your requests under way would take more than \(bytesMax) bytes",
        headers: headers)
    case .exhausted:
      Problem(
        .serviceUnavailable, "the portal has as many requests under way as it takes",
        headers: headers)
    }
  }

  // MARK: From the vault and the way out

  /// What became of opening a key. A state that repeating doesn't change is 403: SDKs repeat 409.
  package func opening(_ error: RPCError, _ provider: Provider) -> Problem {
    var problem = Problem(error)
    switch problem.status {
    case .notFound:
      let page = "\(publicOrigin)/providers/new?provider=\(provider.id)"
      problem.detail = "\(missing(provider, error)). Add one at \(page)"
    case .conflict: problem = Self.final("\(error.message); see \(publicOrigin)/providers")
    default: break
    }
    return problem
  }

  /// In the vault's words, which name the labels that there are; one of an earlier version knows
  /// less.
  private func missing(_ provider: Provider, _ error: RPCError) -> String {
    error.message.hasBytes(of: "there is no such provider configuration")
      ? "no such key for \(provider.displayName) is stored" : error.message
  }

  /// A provider was asked and there is no answer.
  package func unanswered(_ problem: Problem) -> Problem {
    guard problem.status == .gatewayTimeout else { return problem }
    var problem = problem
    // It may be at work still, for money.
    problem.headers[.shouldRetry] = "false"
    return problem
  }

  /// Any problem on the way, as a client of the proxy is told.
  package func told(_ problem: Problem) -> Problem {
    var problem = problem
    switch problem.status {
    case .conflict: problem = Self.final(problem.detail)
    case .contentTooLarge:
      problem.detail =
        "the body is larger than \(requestBytesMax) bytes; PROXY_BODY_BYTES_MAX is the setting of "
        + "the portal's operator"
    default: break
    }
    return problem
  }

  private static func final(_ detail: String) -> Problem {
    Problem(.forbidden, detail, headers: [.shouldRetry: "false"])
  }
}

extension HTTPField.Name {
  /// What SDKs made by Stainless (OpenAI, Anthropic, Groq and others) go by before they repeat.
  static let shouldRetry = fixed("X-Should-Retry")
  static let fetchMode = fixed("Sec-Fetch-Mode")
}

extension HTTPResponse.Status {
  static let loopDetected = HTTPResponse.Status(code: 508, reasonPhrase: "Loop Detected")
}
