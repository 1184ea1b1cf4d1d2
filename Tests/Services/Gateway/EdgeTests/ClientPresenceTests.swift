import NIOCore
import NIOEmbedded
import Testing

@testable import Edge

@Suite struct ClientPresenceTests {
  enum Step: CaseIterable, Sendable {
    /// The connection's task is known.
    case watch
    /// A proxied request has begun.
    case begin
    /// The client has closed its side.
    case leave
  }

  /// What is under way until it is cancelled.
  private static func work() -> Task<Void, Never> {
    Task { _ = try? await Task.sleep(for: .seconds(3_600)) }
  }

  /// The task runs before it is known, and a client may leave at any moment: whichever comes last
  /// must end the work.
  @Test(arguments: [
    [Step.watch, .begin, .leave], [.watch, .leave, .begin], [.begin, .watch, .leave],
    [.begin, .leave, .watch], [.leave, .watch, .begin], [.leave, .begin, .watch],
  ])
  func aClientThatLeftEndsItsRequestInAnyOrder(_ steps: [Step]) throws {
    let presence = ClientPresence()
    let channel = EmbeddedChannel(handler: presence)
    let task = Self.work()
    for step in steps {
      #expect(!task.isCancelled)
      switch step {
      case .watch: presence.watch(task)
      case .begin: presence.begin()
      case .leave: channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
      }
    }
    #expect(task.isCancelled)
    _ = try channel.finish()
  }

  @Test func aClientThatLeavesBetweenRequestsEndsNothing() throws {
    let presence = ClientPresence()
    let channel = EmbeddedChannel(handler: presence)
    let task = Self.work()
    presence.watch(task)
    presence.begin()
    presence.end()
    channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    #expect(!task.isCancelled)
    task.cancel()
    _ = try channel.finish()
  }
}
