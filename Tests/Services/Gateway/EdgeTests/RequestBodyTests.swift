import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Edge

@Suite(.timeLimit(.minutes(1))) struct RequestBodyTests {
  private let loop = MultiThreadedEventLoopGroup.singleton.next()

  /// A body, and the count of bytes that its readers have taken.
  private func body() -> (RequestBody, @Sendable () -> Int) {
    let taken = Counter()
    let body = RequestBody(on: loop) { wish in
      if case .taken(let count) = wish { taken.add(count) }
    }
    return (body, { taken.value })
  }

  private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock(\.self) }
    func add(_ bytes: Int) { count.withLock { $0 += bytes } }
  }

  private func onLoop(_ work: @escaping @Sendable () -> Void) async throws {
    try await loop.submit(work).get()
  }

  @Test func aReaderGetsWhatCameBeforeItAndWhatComesWhileItWaits() async throws {
    let (body, taken) = body()
    try await onLoop { body.receive(ByteBuffer(string: "a")) }
    let reading = Task { try await body.collect(upTo: 10) }
    try await onLoop {
      body.receive(ByteBuffer(string: "bc"))
      body.finish()
      // Behind the end nothing comes.
      body.receive(ByteBuffer(string: "d"))
    }
    #expect(try await String(buffer: reading.value) == "abc")
    try await onLoop { #expect(taken() == 3) }
  }

  @Test func aBodyThatEndsEarlyIsNoBody() async throws {
    let (body, _) = body()
    try await onLoop {
      body.receive(ByteBuffer(string: "a"))
      body.fail(RequestBodyError.malformed)
    }
    await #expect(throws: RequestBodyError.malformed) { try await body.collect(upTo: 10) }
  }

  @Test func moreThanIsWantedIsRefused() async throws {
    let (body, _) = body()
    try await onLoop {
      body.receive(ByteBuffer(string: "abc"))
      body.receive(ByteBuffer(string: "d"))
      body.finish()
    }
    await #expect(throws: NIOTooManyBytesError.self) { try await body.collect(upTo: 3) }
  }

  @Test func theClientIsHeldUpUntilSomebodyReadsOrNobodyWill() async throws {
    let (body, taken) = body()
    let half = ByteBuffer(repeating: 0, count: RequestBody.bufferedBytesMax / 2)
    try await onLoop {
      body.receive(half)
      #expect(!body.isFull)
      body.receive(half)
      #expect(body.isFull)
      body.drop()
      #expect(!body.isFull)
      #expect(taken() == RequestBody.bufferedBytesMax)
      body.receive(half)
      #expect(!body.isFull)
      #expect(taken() == RequestBody.bufferedBytesMax * 3 / 2)
    }
  }

  @Test func aReaderWaitsNoLongerForABodyThatNobodyWants() async throws {
    let (body, _) = body()
    let reading = Task { try await body.collect(upTo: 10) }
    try await onLoop { body.drop() }
    await #expect(throws: RequestBodyError.notWanted) { try await reading.value }
    await #expect(throws: RequestBodyError.notWanted) { try await body.collect(upTo: 10) }
  }

  @Test func aReaderThatIsCancelledDoesNotWait() async throws {
    let (body, _) = body()
    let reading = Task { try await body.collect(upTo: 10) }
    reading.cancel()
    await #expect(throws: CancellationError.self) { try await reading.value }
  }
}
