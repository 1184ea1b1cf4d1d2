import Backend
package import Edge
import Egress
import HTTPTypes
import Identity
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

  // MARK: Beyond what the access token is limited to

  func otherProvider(_ provider: Provider, _ limits: AccessLimits) -> Problem {
    beyond("it is limited to \(limits.providers.joined(separator: ", ")), not \(provider.id)")
  }

  func refused(_ refusal: NamedModels.Refusal, _ limits: AccessLimits) -> Problem {
    let models = limits.models.joined(separator: ", ")
    switch refusal {
    case .other(let name):
      let name = name.utf8.count <= Self.nameBytesMax ? "not '\(name)'" : "not this one"
      return beyond("it is limited to the models \(models), \(name)")
    case .unnamed:
      return beyond(
        "it is limited to the models \(models), and the request names none in its path or in "
          + "'model' of a JSON body")
    case .unreadable:
      return beyond(
        "it is limited to the models \(models), and the request's model can't be read: the body "
          + "must be JSON, not compressed, with each name once")
    case .tooLarge:
      return beyond(
        "it is limited to the models \(models), and the request's body is larger than the "
          + "\(NamedModels.bodyBytesMax) bytes in which they are looked for")
    case .webSocket:
      return beyond(
        "it is limited to the models \(models), and what is said on a WebSocket is not looked into")
    }
  }

  private func beyond(_ what: String) -> Problem {
    Self.final(
      "the access token may not be used for this: \(what). See \(publicOrigin)/access-tokens")
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

  /// What the client is told; never an error's own words, which may repeat a header.
  func problem(_ error: UpstreamError) -> Problem {
    switch error {
    case .requestTooLarge: .tooLarge(limitBytes: requestBytesMax)
    case .request(let error): Exchange.unreadableBody(error)
    case .tooManyConnections:
      Problem(
        .serviceUnavailable, "too many requests to this endpoint are under way",
        headers: [.retryAfter: "1"])
    case .connectTimeout:
      Problem(.gatewayTimeout, "the endpoint could not be reached in time")
    case .connectFailed(let reason):
      Problem(.badGateway, "the endpoint could not be reached: \(reason)")
    case .untrusted(let error):
      Problem(.badGateway, "the endpoint is not trusted: \(error)")
    case .proxyFailed(let reason):
      Problem(
        .badGateway, "the endpoint could not be reached: the operator's proxy did not open a way",
        logDetail: "outgoing proxy: \(reason)")
    case .closedBeforeAnswer:
      Problem(.badGateway, "the endpoint closed the connection without an answer")
    case .refused, .needsHTTP1:
      Problem(
        .serviceUnavailable, "the endpoint did not take the request", headers: [.retryAfter: "1"])
    case .answerTimeout: Problem(.gatewayTimeout, "the endpoint did not answer in time")
    case .brokenOff: Problem(.badGateway, "the endpoint's answer broke off")
    case .cancelled, .stopped: Problem(.badGateway, "the request was given up")
    case .malformedRequest(let part):
      Problem(.badRequest, "the request can't be passed on: malformed \(part)")
    case .unreadableField(let name):
      Problem(
        .badGateway,
        "the endpoint's answer can't be passed on: its header field \(name) is not UTF-8")
    case .malformedAnswer(let what):
      Problem(.badGateway, "the endpoint's answer is not HTTP", logDetail: what)
    }
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

  static var lentKeyOnlyGenerates: Problem {
    final(
      "the operator's key, which you use because you have none of this provider, is for questions "
        + "to models only: what others leave at the provider would be open to you, and yours to "
        + "them. Store a key of your own for files, batches and the like")
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
