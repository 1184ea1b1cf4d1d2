import NIOCore
import RPC
import Testing

/// Who ends a call, and what the other side hears of it.
@Suite(.timeLimit(.minutes(1))) struct EndingTests {
  /// A handler that waits for its cancellation, and says when it has begun and how it ended.
  private struct Patient {
    let started = Signal<Void>()
    let ended = Signal<RPCError.Code>()

    /// Waits on something that isn't the call.
    var asleep: CallService {
      service { _ in try await Task.sleep(for: .seconds(3600)) }
    }

    /// Waits for a message that doesn't come.
    var reading: CallService {
      service { requests in while try await requests.next() != nil {} }
    }

    private func service(
      _ wait: @escaping @Sendable (any MessageSource) async throws -> Void
    ) -> CallService {
      CallService { [started, ended] requests, responses, _ in
        try await responses.write("started")
        await started.raise()
        do {
          try await wait(requests)
          await ended.raise(.ok)
        } catch {
          await ended.raise(Task.isCancelled ? RPCError(answering: error).code : .unknown)
          throw error
        }
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func theDeadlineEndsTheStreamAndTheHandlersTask(_ transport: Transport) async throws {
    let patient = Patient()
    try await transport.run(patient.asleep) { channel in
      try await channel.run(timeout: .seconds(1)) { (stream) async throws in
        #expect(try await stream.nextText() == "started")
        #expect(await failure { try await stream.next() }?.code == .deadlineExceeded)
        #expect(await failure { try await stream.write("late") }?.code == .deadlineExceeded)
        #expect(await failure { try await stream.next() }?.code == .deadlineExceeded)
        await patient.ended.wait()
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func theDeadlineEndsAReadOfTheHandler(_ transport: Transport) async throws {
    let patient = Patient()
    try await transport.run(patient.reading) { channel in
      try await channel.run(timeout: .seconds(1)) { (stream) async throws in
        #expect(try await stream.nextText() == "started")
        #expect(await failure { try await stream.next() }?.code == .deadlineExceeded)
        // Which of both clocks is first is not known.
        #expect([.deadlineExceeded, .cancelled].contains(await patient.ended.wait()))
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func aDeadlineThatHasPassedEndsTheCallAtOnce(_ transport: Transport) async throws {
    try await transport.run(.echo) { channel in
      let error = await failure { try await channel.run(timeout: .zero) { try await $0.next() } }
      #expect(error?.code == .deadlineExceeded)
    }
  }

  @Test(arguments: Transport.allCases)
  func handlersKnowTheDeadline(_ transport: Transport) async throws {
    let service = CallService { _, responses, context in
      let remaining = try #require(context.deadline).remaining
      try await responses.write("\(remaining > .seconds(20) && remaining <= .seconds(30))")
      #expect(CallScope.deadline == context.deadline)
    }
    try await transport.run(service) { (channel) async throws in
      #expect(try await channel.run(timeout: .seconds(30)) { try await $0.texts() } == ["true"])
    }
  }

  @Test(arguments: Transport.allCases)
  func leavingTheClosureCancelsTheHandler(_ transport: Transport) async throws {
    for service in [\Patient.asleep, \Patient.reading] {
      let patient = Patient()
      try await transport.run(patient[keyPath: service]) { channel in
        try await channel.run { (stream) async throws in
          #expect(try await stream.nextText() == "started")
        }
        #expect(await patient.ended.wait() == .cancelled)
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func throwingFromTheClosureCancelsTheHandler(_ transport: Transport) async throws {
    struct Change: Error {}
    let patient = Patient()
    try await transport.run(patient.asleep) { channel in
      await #expect(throws: Change.self) {
        try await channel.run { stream in
          _ = try await stream.next()
          throw Change()
        }
      }
      #expect(await patient.ended.wait() == .cancelled)
    }
  }

  @Test(arguments: Transport.allCases)
  func cancellingTheClientsTaskEndsBothSides(_ transport: Transport) async throws {
    let patient = Patient()
    try await transport.run(patient.asleep) { channel in
      let call = Task {
        try await channel.run { stream in while try await stream.next() != nil {} }
      }
      await patient.started.wait()
      call.cancel()
      #expect(await failure { try await call.value }?.code == .cancelled)
      #expect(await patient.ended.wait() == .cancelled)
    }
  }

  @Test(arguments: Transport.allCases)
  func aCancelledTaskMakesNoCall(_ transport: Transport) async throws {
    try await transport.run(.echo) { channel in
      let call = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        try await channel.run { stream in
          stream.finish()
          _ = try await stream.next()
        }
      }
      #expect(await failure { try await call.value }?.code == .cancelled)
    }
  }

  /// Who waits in a task of its own may stop waiting; the call goes on.
  @Test(arguments: Transport.allCases)
  func aReaderMayGiveUp(_ transport: Transport) async throws {
    try await transport.run(.echo) { channel in
      try await channel.run { stream in
        let reader = Task { try await stream.next() }
        let header = Task { try await stream.initialMetadata() }
        reader.cancel()
        header.cancel()
        #expect(await failure { try await reader.value }?.code == .cancelled)
        #expect(await failure { try await header.value }?.code == .cancelled)
        try await stream.write("still here")
        #expect(try await stream.nextText() == "still here")
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func aServerThatFailsEarlyStopsItsClientsWrites(_ transport: Transport) async throws {
    let service = CallService { requests, _, _ in
      _ = try await requests.next()
      throw RPCError(.resourceExhausted, "enough")
    }
    try await transport.run(service) { channel in
      try await channel.run { stream in
        let error = await failure {
          while true {
            try await stream.write(ByteBuffer(repeating: 1, count: 4096), isCompressed: nil)
          }
        }
        #expect(error?.code == .resourceExhausted)
        #expect(error?.message == "enough")
        #expect(await failure { try await stream.next() }?.code == .resourceExhausted)
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func aServerMayHaveEnoughAndAnswerEarly(_ transport: Transport) async throws {
    let service = CallService { requests, responses, _ in
      try await responses.write(try await requests.nextText() ?? "")
    }
    try await transport.run(service) { channel in
      try await channel.run { stream in
        try await stream.write("first")
        let error = await failure {
          while true {
            try await stream.write(ByteBuffer(repeating: 1, count: 4096), isCompressed: nil)
          }
        }
        #expect(error?.code == .cancelled)
        // What the server said is there all the same.
        #expect(try await stream.texts() == ["first"])
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func writingAfterTheLastMessageIsAnError(_ transport: Transport) async throws {
    let mayEnd = Signal<Void>()
    let service = CallService { _, _, _ in await mayEnd.wait() }
    try await transport.run(service) { channel in
      try await channel.run { stream in
        stream.finish()
        #expect(await failure { try await stream.write("more") }?.code == .internal)
        await mayEnd.raise()
        let last = try await stream.next()
        #expect(last == nil)
      }
    }
  }
}
