import CLinux
import Glibc
import Synchronization

/// Memory for secrets: page-locked as far as RLIMIT_MEMLOCK allows, left out of core dumps, zero
/// whenever it is not in use.
///
/// Small secrets share locked regions cut into slots, because one page each would exhaust the usual
/// 8 MiB limit at 2,048 secrets. Regions are kept for reuse: their number is bounded by the peak of
/// secrets alive at once.
enum SecretMemory {
  /// Slot sizes; a larger secret has a mapping of its own.
  static let slotByteSizes = [64, 256, 1024, 4096]
  static let regionBytes = 64 * 1024

  /// A piece of zeroed memory.
  ///
  /// Unchecked: its one owner decides who may write, and `SecretBytes` writes only while it is
  /// being initialised.
  struct Block: @unchecked Sendable {
    let start: UnsafeMutableRawPointer
    let capacity: Int
    let isLocked: Bool
    fileprivate let sizeClass: Int?
  }

  private struct Slots {
    var locked: [Block] = []
    var unlocked: [Block] = []

    mutating func take() -> Block? {
      locked.popLast() ?? unlocked.popLast()
    }

    mutating func put(_ block: Block) {
      if block.isLocked { locked.append(block) } else { unlocked.append(block) }
    }
  }

  private static let pool = Mutex([Slots](repeating: Slots(), count: slotByteSizes.count))

  /// Returns zeroed memory of at least `byteCount` bytes.
  static func allocate(byteCount: Int) -> Block {
    guard let sizeClass = slotByteSizes.firstIndex(where: { byteCount <= $0 }) else {
      return map(byteCount: roundedToPages(byteCount), sizeClass: nil)
    }
    return pool.withLock { pool in
      if let block = pool[sizeClass].take() { return block }
      let region = map(byteCount: regionBytes, sizeClass: sizeClass)
      let slotBytes = slotByteSizes[sizeClass]
      // Descending, so that slots are handed out from the start of the region.
      for offset in stride(from: regionBytes - slotBytes, through: 0, by: -slotBytes) {
        pool[sizeClass].put(
          Block(
            start: region.start + offset, capacity: slotBytes, isLocked: region.isLocked,
            sizeClass: sizeClass))
      }
      return pool[sizeClass].take() ?? region
    }
  }

  /// Wipes all of `block` and takes it back.
  static func free(_ block: Block) {
    clinux_explicit_bzero(block.start, block.capacity)
    if let sizeClass = block.sizeClass {
      pool.withLock { $0[sizeClass].put(block) }
    } else {
      // Unmapping unlocks as well.
      munmap(block.start, block.capacity)
    }
  }

  private static func map(byteCount: Int, sizeClass: Int?) -> Block {
    let address = mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else {
      // As Swift's own allocator does when there is no memory left.
      fatalError("out of memory: \(byteCount) bytes for secrets")
    }
    // Best effort, both: a container without the right to lock must still work, and says so by
    // `isLocked`.
    let isLocked = clinux_memory_lock(address, byteCount) == 0
    _ = clinux_memory_exclude_from_dumps(address, byteCount)
    return Block(start: address, capacity: byteCount, isLocked: isLocked, sizeClass: sizeClass)
  }

  private static func roundedToPages(_ byteCount: Int) -> Int {
    let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
    return (byteCount + pageBytes - 1) / pageBytes * pageBytes
  }
}

/// Settings that keep this process's memory from leaking through the kernel.
package enum ProcessHardening {
  /// Why a setting was refused; carries `errno`.
  package enum Failure: Error, Equatable {
    case coreLimit(errno: Int32)
    case dumpable(errno: Int32)
  }

  /// Switches core dumps off and, as a side effect, ptrace and /proc/PID/mem access by the same
  /// user. Irreversible for processes without privileges; call it before secrets are read.
  package static func disableCoreDumps() throws(Failure) {
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    guard setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0 else {
      throw .coreLimit(errno: errno)
    }
    guard clinux_set_dumpable(0) == 0 else { throw .dumpable(errno: errno) }
  }
}
