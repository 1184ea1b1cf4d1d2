import CLinux
import Cryptography
import Foundation
import Testing

@Suite struct ProcessHardeningTests {
  @Test func coreDumpsAreOffAndTheProcessCannotBeInspected() async {
    await #expect(processExitsWith: .success) {
      try ProcessHardening.disableCoreDumps()
      var limit = rlimit()
      #expect(getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0)
      #expect(limit.rlim_cur == 0)
      #expect(limit.rlim_max == 0)
      #expect(clinux_get_dumpable() == 0)
    }
  }
}
