/// Lets nobody pass before everybody has arrived.
actor Barrier {
  private let count: Int
  private var waiters: [CheckedContinuation<Void, Never>] = []

  init(count: Int) {
    self.count = count
  }

  func arrive() async {
    guard waiters.count + 1 < count else {
      for waiter in waiters { waiter.resume() }
      waiters = []
      return
    }
    await withCheckedContinuation { waiters.append($0) }
  }
}
