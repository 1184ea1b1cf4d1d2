import Foundation
import Synchronization
import Testing

@testable import LocalDeployment

@Suite(.timeLimit(.minutes(1))) struct HealthWatchTests {
  /// Answers as often as it is told to, and then no more.
  private final class Probe: HealthProbe {
    let listens: Bool
    private let answersLeft: Mutex<Int>
    private let asked = Mutex(0)

    init(answers: Int, listens: Bool = true) {
      answersLeft = Mutex(answers)
      self.listens = listens
    }

    var questions: Int { asked.withLock { $0 } }

    func answers(within timeout: Duration) async -> Bool {
      asked.withLock { $0 += 1 }
      return answersLeft.withLock { left in
        left -= 1
        return left >= 0
      }
    }

    func isListening() async -> Bool { listens }
  }

  private var patience: HealthWatch.Patience {
    var patience = HealthWatch.Patience()
    patience.pause = .milliseconds(1)
    patience.missesMax = 3
    // Far more than the questions take: a held up watch doesn't count.
    patience.timeout = .seconds(30)
    return patience
  }

  private func child() async throws -> ChildProcess {
    try await ChildProcess.spawn(Command(path: "/bin/sleep", arguments: ["600"]))
  }

  @Test func aProcessThatIsSilentForLongIsReplacedAndOneMissIsNothing() async throws {
    let child = try await child()
    let probe = Probe(answers: 2)
    let reason = await HealthWatch(patience: patience, probe: probe).waitUntilSilent(child.id)
    #expect(reason == "it did not answer 3 questions in a row")
    #expect(probe.questions == 5)
    child.signal(SIGKILL)
    _ = await child.exit()
  }

  @Test func aStoppedProcessIsReplacedAfterOneQuestion() async throws {
    let child = try await child()
    child.signal(SIGSTOP)
    while ProcessCondition(of: child.id) != .stopped { try await Task.sleep(for: .milliseconds(1)) }
    let probe = Probe(answers: 1)
    let reason = await HealthWatch(patience: patience, probe: probe).waitUntilSilent(child.id)
    #expect(reason == "it is stopped and does not answer")
    #expect(probe.questions == 2)
    child.signal(SIGKILL)
    _ = await child.exit()
  }

  @Test(arguments: [true, false])
  func oneThatDrainsOrIsGoneIsLeftAlone(isGone: Bool) async throws {
    let child = try await child()
    if isGone {
      child.signal(SIGKILL)
      _ = await child.exit()
    }
    let probe = Probe(answers: 0, listens: isGone)
    let watch = Task {
      await HealthWatch(patience: patience, probe: probe).waitUntilSilent(child.id)
    }
    while probe.questions < 10 { try await Task.sleep(for: .milliseconds(1)) }
    watch.cancel()
    #expect(await watch.value == nil)
    child.signal(SIGKILL)
    _ = await child.exit()
  }
}
