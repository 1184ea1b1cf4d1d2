import CNghttp2
import Glibc

/// Memory for one nghttp2 session: small pieces that it gives back are kept for its next call.
///
/// An ordinary call makes nghttp2 ask for a dozen pieces and give them back. Buffers of a frame's
/// size get pages of their own, as an idle connection never writes to most of them.
final class SessionMemory {
  /// Sizes are rounded up to a multiple of this.
  private static let stepBytes = 64
  /// Larger pieces than eight steps come from the system.
  private static let stepCount = 8
  /// From here on pieces get pages of their own.
  private static let pagedBytes = 16 << 10
  private static let pageBytes = Int(sysconf(CInt(_SC_PAGESIZE)))

  /// In front of each piece; its size keeps what follows aligned as C wants it.
  private struct Head {
    /// Usable bytes behind the head.
    let byteCount: Int
    /// Of the list of free pieces that it belongs to; -1 for a piece of the system, -2 for pages.
    let list: Int
  }

  private static let ofSystem = -1
  private static let ofPages = -2
  private static let headBytes = 16

  /// The first free piece of each size; each holds the address of the next.
  private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>

  init() {
    free = .allocate(capacity: Self.stepCount)
    free.initialize(repeating: nil, count: Self.stepCount)
  }

  deinit {
    trim()
    free.deallocate()
  }

  /// What nghttp2 copies; this object must outlive the session.
  func functions() -> nghttp2_mem {
    nghttp2_mem(
      mem_user_data: UnsafeMutableRawPointer(free),
      malloc: { byteCount, lists in SessionMemory.allocate(byteCount, lists) },
      free: { piece, lists in SessionMemory.release(piece, lists) },
      calloc: { count, size, lists in
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, let piece = SessionMemory.allocate(byteCount, lists) else { return nil }
        return memset(piece, 0, byteCount)
      },
      realloc: { piece, byteCount, lists in SessionMemory.reallocate(piece, byteCount, lists) })
  }

  /// Gives what is free back to the system.
  func trim() {
    for list in 0..<Self.stepCount {
      while let piece = free[list] {
        free[list] = piece.load(as: UnsafeMutableRawPointer?.self)
        Glibc.free(piece - Self.headBytes)
      }
    }
  }

  // MARK: nghttp2's side

  private static func lists(
    _ pointer: UnsafeMutableRawPointer?
  ) -> UnsafeMutablePointer<UnsafeMutableRawPointer?>? {
    pointer?.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
  }

  private static func allocate(
    _ byteCount: Int, _ pointer: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    let list = max(0, byteCount - 1) / stepBytes
    guard list < stepCount, let lists = lists(pointer) else { return allocateLarge(byteCount) }
    if let piece = lists[list] {
      lists[list] = piece.load(as: UnsafeMutableRawPointer?.self)
      return piece
    }
    let room = (list + 1) * stepBytes
    return put(Head(byteCount: room, list: list), at: malloc(headBytes + room))
  }

  private static func allocateLarge(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    guard byteCount >= pagedBytes else {
      return put(Head(byteCount: byteCount, list: ofSystem), at: malloc(headBytes + byteCount))
    }
    let mapped = (headBytes + byteCount + pageBytes - 1) / pageBytes * pageBytes
    let start = mmap(
      nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard start != MAP_FAILED else { return nil }
    return put(Head(byteCount: mapped - headBytes, list: ofPages), at: start)
  }

  private static func put(
    _ head: Head, at start: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    guard let start else { return nil }
    start.storeBytes(of: head, as: Head.self)
    return start + headBytes
  }

  private static func head(of piece: UnsafeMutableRawPointer) -> Head {
    (piece - headBytes).load(as: Head.self)
  }

  private static func release(
    _ piece: UnsafeMutableRawPointer?, _ pointer: UnsafeMutableRawPointer?
  ) {
    guard let piece else { return }
    let head = head(of: piece)
    if head.list >= 0, let lists = lists(pointer) {
      piece.storeBytes(of: lists[head.list], as: UnsafeMutableRawPointer?.self)
      lists[head.list] = piece
    } else if head.list == ofPages {
      munmap(piece - headBytes, headBytes + head.byteCount)
    } else {
      Glibc.free(piece - headBytes)
    }
  }

  private static func reallocate(
    _ piece: UnsafeMutableRawPointer?, _ byteCount: Int, _ pointer: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    guard let piece else { return allocate(byteCount, pointer) }
    let held = head(of: piece).byteCount
    guard byteCount > held else { return piece }
    guard let moved = allocate(byteCount, pointer) else { return nil }
    memcpy(moved, piece, held)
    release(piece, pointer)
    return moved
  }
}
