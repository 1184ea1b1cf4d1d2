import Callers
import Cryptography
import EnvImport
import Identity
import Providers
import RPC
import ServiceAPI

/// Imports for another person, by the operator at the machine.
struct OperatorImport: ImportTarget {
  let session: OperatorSession
  let email: String
  private var assertion: [UInt8]

  /// - Throws: `CommandError` when there is no such user or a service cannot be reached.
  init(_ session: OperatorSession, email: String) async throws {
    (self.session, self.email) = (session, email)
    assertion = try await Self.issueAssertion(session, email)
  }

  mutating func store(
    _ candidate: ImportPlan.Candidate, note: String, replaces: Bool, validateOnly: Bool
  ) async throws -> (outcome: ImportOutcome, key: ImportedKey?) {
    // Nothing of it can be undone from here: an operator deletes nobody's keys.
    do {
      return (try await send(candidate, note, replaces, validateOnly), nil)
    } catch let error as RPCError where error.code == .unauthenticated {
      // Assertions live for a minute; a long file may outlive one.
      assertion = try await Self.issueAssertion(session, email)
      return (try await send(candidate, note, replaces, validateOnly), nil)
    }
  }

  private static func issueAssertion(
    _ session: OperatorSession, _ email: String
  ) async throws -> [UInt8] {
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
      default: throw failure("auth", error)
      }
    }
  }

  private func send(
    _ candidate: ImportPlan.Candidate, _ note: String, _ replaces: Bool, _ validateOnly: Bool
  ) async throws -> ImportOutcome {
    // The message type holds strings: the copy lives until the call has ended.
    let request = candidate.key.withUTF8String { key in
      VaultAPI.ImportProviderConfigRequest(
        provider: candidate.provider.id, label: candidate.label, apiKey: key,
        baseUrl: candidate.baseURL?.description, validateOnly: validateOnly,
        replace: replaces, note: note)
    }
    do {
      let response = try await session.vault.importProviderConfig(
        request, options: .acting(with: assertion, origin: session.origin))
      switch response.outcome {
      case .imported: return .imported
      case .alreadyPresent: return .alreadyThere
      case .conflict: return replaces && validateOnly ? .wouldReplace : .conflict
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
