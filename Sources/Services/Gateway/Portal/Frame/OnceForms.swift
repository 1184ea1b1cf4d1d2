import Backend
import Cryptography
import Edge
import Encodings
import HTTPTypes
import Synchronization

/// Has a form that is sent twice take effect once: the second one gets the answer of the first.
///
/// Each page gives its forms an id. What was sent under it, and where to, is remembered for two
/// minutes by this process; of several gateways, a browser's two presses of a button come to the
/// same one, on one connection or by the affinity of what stands in front.
final class OnceForms: Sendable {
  static let remembered: Duration = .seconds(120)
  static let formsMax = 10_000
  private static let idBytesMax = 64

  private struct Entry {
    let task: Task<Response, any Error>
    let begin: ContinuousClock.Instant
  }

  private struct State {
    var entries: [String: Entry] = [:]
    /// The keys of the entries and of forgotten ones, the oldest first.
    var order: [String] = []

    /// What is remembered no longer goes, with the secrets that its answers may set.
    mutating func sweep(at now: ContinuousClock.Instant) {
      let over = order.prefix { key in
        entries[key].map { $0.begin.duration(to: now) >= OnceForms.remembered } ?? true
      }
      for key in over { entries[key] = nil }
      order.removeFirst(over.count)
    }
  }

  private let state = Mutex(State())

  /// An id for a page's forms; empty without random numbers, and then a form is as any other.
  static func newID() -> String {
    (try? SecretBytes.random(count: 16)).map { $0.withUnsafeBytes { Base64.url.encode(Array($0)) } }
      ?? ""
  }

  /// Runs `answer`, unless the same form of this sender has run already or does so now. Only a
  /// redirect is remembered: a page with mistakes has changed nothing.
  ///
  /// - Parameter sender: Whoever may get the same answer: an account, or a browser without one.
  func run(
    _ form: FormData, to exchange: Exchange, of sender: String,
    _ answer: @escaping @Sendable () async throws -> Response
  ) async throws -> Response {
    let id = form["once"]
    guard !id.isEmpty, id.utf8.count <= Self.idBytesMax else { return try await answer() }
    let key = "\(sender) \(id) \(exchange.target.path) \(Self.digest(form))"
    let (task, isFirst) = state.withLock { state in
      let now = ContinuousClock.now
      state.sweep(at: now)
      if let entry = state.entries[key] { return (entry.task, false) }
      // Outlives the request: whoever presses twice leaves the first one's answer unread.
      let task = Task { try await answer() }
      if state.order.count < Self.formsMax {
        state.entries[key] = Entry(task: task, begin: now)
        state.order.append(key)
      }
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

  /// Of all fields: whoever goes back and sends something else means that.
  private static func digest(_ form: FormData) -> String {
    let fields = form.names.sorted().map { name in
      "\(name.utf8.count) \(name) \(form[name].utf8.count) \(form[name])"
    }
    return Base64.url.encode(SHA256Digest.hash(Array(fields.joined().utf8)))
  }

  private func forget(_ key: String) { state.withLock { $0.entries[key] = nil } }
}
