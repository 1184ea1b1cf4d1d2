import RPC

/// Many large calls, one after the other in each worker.
extension InteropCases {
  /// All iterations on one channel.
  package func rpcSoak() async throws {
    try await soak { try await soakCall(channel) }
  }

  /// Every iteration on a channel of its own.
  package func channelSoak() async throws {
    try await soak {
      var latency = Duration.zero
      try await withNewChannel { channel in latency = try await soakCall(channel) }
      return latency
    }
  }

  private func soakCall(_ channel: any RPCChannel) async throws -> Duration {
    let request = TestingAPI.SimpleRequest(
      responseType: .compressable, responseSize: Int32(clamping: soak.responseBytes),
      payload: TestingAPI.Payload(byteCount: soak.requestBytes))
    let start = ContinuousClock.now
    let response = try await TestingAPI.TestServiceClient(channel: channel).unaryCall(
      request, options: options())
    let latency = ContinuousClock.now - start
    try expect(response.payload, has: soak.responseBytes)
    return latency
  }

  private func soak(_ iteration: @escaping @Sendable () async throws -> Duration) async throws {
    let end = ContinuousClock.now + soak.overallTimeout
    var failures: [String] = []
    try await withThrowingTaskGroup(of: [String].self) { group in
      for worker in 0..<max(1, soak.workers) {
        group.addTask { try await soakWorker(worker, until: end, iteration) }
      }
      for try await found in group { failures += found }
    }
    guard failures.count <= soak.failuresMax else {
      throw InteropFailure(
        "\(failures.count) of \(soak.iterations) iterations failed: \(failures.prefix(3))")
    }
  }

  /// Runs this worker's share of the iterations and returns what went wrong.
  private func soakWorker(
    _ worker: Int, until end: ContinuousClock.Instant,
    _ iteration: @Sendable () async throws -> Duration
  ) async throws -> [String] {
    var failures: [String] = []
    var next = ContinuousClock.now
    for index in stride(from: worker, to: soak.iterations, by: max(1, soak.workers)) {
      // A pace is part of what a soak test is asked for.
      if next > .now { try await Task.sleep(until: next) }
      next = .now + soak.intervalMin
      guard .now < end else {
        failures.append("iteration \(index) was not run in time")
        continue
      }
      do {
        let latency = try await iteration()
        if latency > soak.latencyMax { failures.append("iteration \(index) took \(latency)") }
      } catch {
        failures.append("iteration \(index): \(error)")
      }
    }
    return failures
  }
}
