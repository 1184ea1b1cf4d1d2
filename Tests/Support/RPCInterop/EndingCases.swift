import RPC

/// How calls end before their time.
extension InteropCases {
  /// So short that no server answers in time: 1 ms is what the description says.
  private static let hopelessTimeout: Duration = .milliseconds(1)

  package func timeoutOnSleepingServer() async throws {
    try await expectFailure(.deadlineExceeded) {
      try await client.fullDuplexCall(
        options: CallOptions(timeout: Self.hopelessTimeout)
      ) { requests, responses in
        try await requests.write(
          TestingAPI.StreamingOutputCallRequest(payload: TestingAPI.Payload(byteCount: 27_182)))
        // The server waits for more: only the deadline ends this.
        _ = try await responses.next()
      }
    }
  }

  package func cancelAfterBegin() async throws {
    try await expectFailure(.cancelled) {
      try await cancelling { cancel in
        try await channel.stream(
          TestingAPI.TestServiceMethods.streamingInputCall, options: options()
        ) { stream in
          cancel()
          _ = try await stream.next()
        }
      }
    }
  }

  package func cancelAfterFirstResponse() async throws {
    try await expectFailure(.cancelled) {
      try await cancelling { cancel in
        try await client.fullDuplexCall(options: options()) { requests, responses in
          try await requests.write(.init(27_182, wanting: 31_415))
          try await responses.expectNext(has: 31_415)
          cancel()
          _ = try await responses.next()
        }
      }
    }
  }

  /// Runs a call that can cancel its own task, as its user would from elsewhere.
  private func cancelling(
    _ call: @escaping @Sendable (_ cancel: @Sendable () -> Void) async throws -> Void
  ) async throws {
    let (signals, signal) = AsyncStream.makeStream(of: Void.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await call { signal.yield() } }
      for await _ in signals { break }
      group.cancelAll()
      try await group.next()
    }
  }
}
