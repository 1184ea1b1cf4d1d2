import Cryptography
import EnvImport
import Foundation
import Providers

/// Imports of a person's own keys, with their log-in.
struct PersonImport: ImportTarget {
  let session: PersonSession

  mutating func store(
    _ candidate: ImportPlan.Candidate, note: String, replaces: Bool, validateOnly: Bool
  ) async throws -> (outcome: ImportOutcome, key: ImportedKey?) {
    let name = "\(candidate.provider.id)/\(candidate.label)"
    do {
      let answer = try candidate.key.withUTF8String { key in
        try session.call(
          "POST", "/api/v1/provider-configs:import",
          [
            "provider": candidate.provider.id, "label": candidate.label, "apiKey": key,
            "validateOnly": validateOnly, "replace": replaces, "note": note,
          ].merging(candidate.baseURL.map { ["baseUrl": $0.description] } ?? [:]) { old, _ in old })
      }
      switch answer["outcome"] as? String {
      case "IMPORTED": return (.imported, Self.key(answer["providerConfig"], name))
      case "ALREADY_PRESENT": return (.alreadyThere, nil)
      case "CONFLICT": return (replaces && validateOnly ? .wouldReplace : .conflict, nil)
      default:
        return (.failed(reason: "the portal gave an answer that this program does not know"), nil)
      }
    } catch let problem as PortalProblem {
      switch problem.status {
      case 400, 409, 422: return (.failed(reason: "\(problem)"), nil)
      case 403:
        throw CommandError(
          "\(problem); log in with a token that may change keys: chatelaine login --scopes all")
      default: throw problem
      }
    }
  }

  /// Nil after a rehearsal, which has stored nothing.
  private static func key(_ config: Any?, _ name: String) -> ImportedKey? {
    guard let config = config as? [String: Any], let id = config["id"] as? String,
      let etag = config["etag"] as? String
    else { return nil }
    // The first key of a configuration has the number 1.
    let version = Int(config["keyVersion"] as? String ?? "") ?? 1
    return ImportedKey(id: id, etag: etag, name: name, hasReplaced: version > 1)
  }
}
