import Synchronization

/// What requests to providers may take of the gateway: each user a share, and of all of it some is
/// kept for the catalogue's own hosts, so that endpoints of strangers can't hold everything.
package final class RequestShares: Sendable {
  /// Why a request has to wait.
  package enum Refusal: Error, Hashable {
    /// The user has as many requests under way as one may have.
    case requestsOfUser(max: Int)
    /// The bodies that the user has in memory take as much as one may take.
    case bodiesOfUser(bytesMax: Int)
    /// All users together have taken everything.
    case exhausted
  }

  /// What one request has taken; it is given back with the last reference to it.
  package final class Share: Sendable {
    private let shares: RequestShares
    private let user: String
    private let isCustom: Bool
    private let bodyBytes = Mutex(0)

    fileprivate init(_ shares: RequestShares, user: String, isCustom: Bool) {
      (self.shares, self.user, self.isCustom) = (shares, user, isCustom)
    }

    /// Takes room for a body that is kept in memory.
    package func keepBody(bytes: Int) throws(Refusal) {
      try shares.takeBody(bytes, of: user)
      bodyBytes.withLock { $0 += bytes }
    }

    deinit {
      shares.giveBack(bodyBytes.withLock(\.self), of: user, isCustom: isCustom)
    }
  }

  private struct Taken {
    var requests = 0
    var bodyBytes = 0
  }

  private struct State {
    var users: [String: Taken] = [:]
    var all = Taken()
    var customRequests = 0
  }

  private let limits: UpstreamLimits
  private let state = Mutex(State())

  package init(_ limits: UpstreamLimits) {
    self.limits = limits
  }

  /// Begins a request of `user`.
  ///
  /// - Parameter isCustom: to an endpoint of the user's choice; these leave a quarter to others.
  package func begin(user: String, isCustom: Bool) throws(Refusal) -> Share {
    try state.withLock { state throws(Refusal) in
      guard state.users[user, default: Taken()].requests < limits.requestsPerUserMax else {
        throw .requestsOfUser(max: limits.requestsPerUserMax)
      }
      guard state.all.requests < limits.requestsMax,
        !isCustom || state.customRequests < limits.requestsMax - limits.requestsMax / 4
      else { throw .exhausted }
      state.users[user, default: Taken()].requests += 1
      state.all.requests += 1
      if isCustom { state.customRequests += 1 }
    }
    return Share(self, user: user, isCustom: isCustom)
  }

  private func takeBody(_ bytes: Int, of user: String) throws(Refusal) {
    try state.withLock { state throws(Refusal) in
      let ofUser = state.users[user, default: Taken()].bodyBytes
      guard ofUser + bytes <= limits.bufferedBytesPerUserMax else {
        throw .bodiesOfUser(bytesMax: limits.bufferedBytesPerUserMax)
      }
      guard state.all.bodyBytes + bytes <= limits.bufferedBytesTotalMax else { throw .exhausted }
      state.users[user, default: Taken()].bodyBytes += bytes
      state.all.bodyBytes += bytes
    }
  }

  private func giveBack(_ bytes: Int, of user: String, isCustom: Bool) {
    state.withLock { state in
      state.all.requests -= 1
      state.all.bodyBytes -= bytes
      if isCustom { state.customRequests -= 1 }
      state.users[user]?.requests -= 1
      state.users[user]?.bodyBytes -= bytes
      if state.users[user]?.requests == 0 { state.users[user] = nil }
    }
  }
}
