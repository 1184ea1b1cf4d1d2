import Glibc

/// A moment on the clock, with the CPU time that the process has used until then.
struct Instant {
  let clock: ContinuousClock.Instant
  let cpuMicroseconds: Int

  static var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Instant(
      clock: .now, cpuMicroseconds: Int(time.tv_sec) * 1_000_000 + Int(time.tv_nsec) / 1000)
  }
}

/// What a run came to; its description is read by Benchmarks/.
struct Outcome: CustomStringConvertible {
  /// Calls, or messages of streams.
  let units: Int
  private let elapsed: Duration
  private let cpuMicroseconds: Int

  init(since start: Instant, units: Int) {
    let end = Instant.now
    self.units = units
    elapsed = end.clock - start.clock
    cpuMicroseconds = end.cpuMicroseconds - start.cpuMicroseconds
  }

  var description: String {
    "units \(units) seconds \(elapsed / .seconds(1)) cpu_us \(cpuMicroseconds)"
  }
}
