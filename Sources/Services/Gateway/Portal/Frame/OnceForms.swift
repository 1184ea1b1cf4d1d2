import Backend
import Cryptography
import Encodings
import HTTPTypes
import HummingbirdCore
import Synchronization

/// Has a form that is sent twice take effect once: the second one gets the answer of the first.
///
/// A form brings an id that its page was given. It is remembered for ten minutes by this process;
/// of several gateways, a browser's two presses of a button come to the same one, on one
/// connection.
final class OnceForms: Sendable {
  static let remembered: Duration = .seconds(600)
  static let formsMax = 10_000

  private struct Entry {
    let task: Task<Response, any Error>
    let begin: ContinuousClock.Instant
  }

  private let entries = Mutex<[String: Entry]>([:])

  /// An id for a page's form; empty without random numbers, and then the form is as any other.
  static func newID() -> String {
    (try? SecretBytes.random(count: 16)).map { $0.withUnsafeBytes { Base64.url.encode(Array($0)) } }
      ?? ""
  }

  /// Runs `answer`, unless a form of this user's with this id has run already or does so now. Only
  /// a redirect is remembered: a page with mistakes has changed nothing.
  func run(
    _ id: String, of user: String, _ answer: @escaping @Sendable () async throws -> Response
  ) async throws -> Response {
    guard !id.isEmpty, id.utf8.count <= 64 else { return try await answer() }
    let key = "\(user) \(id)"
    let (task, isFirst) = entries.withLock { entries in
      let now = ContinuousClock.now
      if entries.count >= Self.formsMax {
        entries = entries.filter { $0.value.begin.duration(to: now) < Self.remembered }
      }
      if let entry = entries[key], entry.begin.duration(to: now) < Self.remembered {
        return (entry.task, false)
      }
      // Outlives the request: whoever presses twice leaves the first one's answer unread.
      let task = Task { try await answer() }
      if entries.count < Self.formsMax { entries[key] = Entry(task: task, begin: now) }
      return (task, true)
    }
    do {
      let response = try await task.value
      if isFirst, response.status.kind != .redirection { forget(key) }
      return response
    } catch {
      if isFirst { forget(key) }
      throw error
    }
  }

  private func forget(_ key: String) { entries.withLock { $0[key] = nil } }
}
