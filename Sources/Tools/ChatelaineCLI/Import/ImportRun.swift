import Callers
import Cryptography
import EnvImport
import Identity
import Providers
import RPC
import ServiceAPI

/// What the vault said about one candidate.
enum ImportOutcome: Sendable, Equatable {
  case imported, alreadyThere, conflict
  /// A rehearsal, and another key or endpoint would give way.
  case wouldReplace
  case failed(reason: String)
}

/// Stores the candidates of a plan in the vault, one by one, for one user.
struct VaultImport {
  let session: OperatorSession
  let email: String
  var onConflict = ConflictRule.skip

  /// Labels that are tried after one that holds another key.
  private static let labelsMax = 20

  /// One outcome for each candidate, in order.
  ///
  /// - Throws: `CommandError` when there is no such user or a service cannot be reached; what was
  ///   stored until then stays, and the next run finds it there.
  func run(_ plan: inout ImportPlan, validateOnly: Bool) async throws -> [ImportOutcome] {
    // Also for a plan without candidates: a wrong user is an error in any case.
    var assertion = try await issueAssertion()
    var outcomes: [ImportOutcome] = []
    for index in plan.candidates.indices {
      let original = plan
      var outcome = ImportOutcome.conflict
      for attempt in 1...(onConflict == .newLabel ? Self.labelsMax : 1) {
        if attempt > 1 {
          plan = original
          plan.numberLabel(of: index, attempt: attempt)
        }
        do {
          outcome = try await store(plan.candidates[index], assertion, validateOnly: validateOnly)
        } catch let error as RPCError where error.code == .unauthenticated {
          // Assertions live for minutes; a long file may outlive one.
          assertion = try await issueAssertion()
          outcome = try await store(plan.candidates[index], assertion, validateOnly: validateOnly)
        }
        guard outcome == .conflict else { break }
      }
      outcomes.append(outcome)
    }
    return outcomes
  }

  private func issueAssertion() async throws -> [UInt8] {
    do {
      let response = try await session.auth.issueOperatorAssertion(
        AuthAPI.IssueOperatorAssertionRequest(
          email: email,
          purposes: [.init(audience: "vault", methods: MethodClass.manage.rawValue)]),
        options: .acting(with: nil, origin: session.origin))
      return response.assertions.first?.assertion ?? response.assertion
    } catch {
      switch error.code {
      case .notFound:
        throw CommandError(
          "no account has the e-mail address \(email); sign up at \(session.portal) first")
      case .invalidArgument: throw CommandError("--user: \(error.message)")
      default: throw Self.failure("auth", error)
      }
    }
  }

  private func store(
    _ candidate: ImportPlan.Candidate, _ assertion: [UInt8], validateOnly: Bool
  ) async throws -> ImportOutcome {
    // The message type holds strings: the copy lives until the call has ended.
    let request = candidate.key.withUTF8String { key in
      VaultAPI.ImportProviderConfigRequest(
        provider: candidate.provider.id, label: candidate.label, apiKey: key,
        baseUrl: candidate.baseURL?.description, validateOnly: validateOnly,
        replace: onConflict == .replace)
    }
    do {
      let response = try await session.vault.importProviderConfig(
        request, options: .acting(with: assertion, origin: session.origin))
      switch response.outcome {
      case .imported: return .imported
      case .alreadyPresent: return .alreadyThere
      case .conflict:
        return onConflict == .replace && validateOnly ? .wouldReplace : .conflict
      case .unspecified, .unrecognized:
        return .failed(reason: "the vault gave an answer that this program does not know")
      }
    } catch {
      switch error.code {
      case .invalidArgument, .failedPrecondition, .alreadyExists, .resourceExhausted:
        return .failed(reason: error.message)
      case .unauthenticated: throw error
      default: throw Self.failure("vault", error)
      }
    }
  }

  private static func failure(_ service: String, _ error: RPCError) -> CommandError {
    error.code == .unavailable
      ? CommandError(
        "\(service) cannot be reached; is the deployment running? (chatelaine up, or make run)")
      : CommandError("\(service): \(error.message)")
  }
}
