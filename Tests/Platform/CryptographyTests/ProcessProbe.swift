import Foundation
import Testing

/// The kernel's flags of the mapping that holds `address` (proc(5), VmFlags).
func memoryFlags(at address: UInt) throws -> Set<String> {
  // Line by line: Foundation stops after the first page of a file that claims to be empty.
  let file = try #require(fopen("/proc/self/smaps", "r"))
  defer { fclose(file) }
  var buffer = [CChar](repeating: 0, count: 4096)
  var isInside = false
  while fgets(&buffer, Int32(buffer.count), file) != nil {
    let line = buffer.withUnsafeBufferPointer { buffer in
      String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    let first = line.split(separator: " ")[0]
    let bounds = first.split(separator: "-").compactMap { UInt($0, radix: 16) }
    if !first.hasSuffix(":"), bounds.count == 2 {
      isInside = (bounds[0]..<bounds[1]).contains(address)
    } else if isInside, line.hasPrefix("VmFlags:") {
      return Set(line.split(whereSeparator: \.isWhitespace).dropFirst().map(String.init))
    }
  }
  return []
}

/// Gives up root, which no limit holds for, and lowers RLIMIT_MEMLOCK.
func becomeUnprivileged(lockedBytesMax: UInt64) throws {
  var limit = rlimit(rlim_cur: rlim_t(lockedBytesMax), rlim_max: rlim_t(lockedBytesMax))
  try #require(setrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit) == 0)
  if getuid() == 0 {
    let nobody: uid_t = 65534
    try #require(setuid(nobody) == 0)
  }
}
