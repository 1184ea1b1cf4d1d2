import Synchronization
import Testing

@testable import LocalDeployment

@Suite struct DiskWatchTests {
  @Test(arguments: [
    (1 << 30, 100 << 30, true), (1 << 30, 5 << 30, false), (3 << 30, 100 << 30, false),
    (0, 1 << 30, true), (0, 0, true),
  ])
  func littleIsLeftWhenItIsLittleOfAllAndInItself(available: Int, total: Int, isLow: Bool) {
    #expect(DiskWatch.Space(availableBytes: available, totalBytes: total).isLow == isLow)
  }

  @Test func eachChangeIsSaidOnce() {
    let free = Mutex(50 << 30)
    let watch = Mutex(
      DiskWatch(of: "/state") { _ in
        .init(availableBytes: free.withLock(\.self), totalBytes: 100 << 30)
      })
    func look(_ bytes: Int) -> String? {
      free.withLock { $0 = bytes }
      return watch.withLock { $0.look() }
    }
    #expect(look(50 << 30) == nil)
    #expect(look(1 << 30)?.contains("/state gets full: 1024 MiB (0 %) are free") == true)
    #expect(look(1 << 20) == nil)
    #expect(look(50 << 30)?.contains("has room again") == true)
    #expect(look(51 << 30) == nil)
  }

  @Test func theSystemIsAsked() throws {
    let space = try #require(DiskWatch.space(of: "/tmp"))
    #expect(space.totalBytes > 0 && space.availableBytes <= space.totalBytes)
    #expect(DiskWatch.space(of: "/no/such/directory") == nil)
  }
}
