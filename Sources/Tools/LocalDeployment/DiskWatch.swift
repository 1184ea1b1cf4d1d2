import Foundation

/// Tells when the disk of a directory gets full, before the database on it takes no more writes,
/// and when there is room again.
struct DiskWatch {
  /// Little is left when it is less than both.
  static let availableBytesMin = 2 << 30
  static let availablePercentMin = 10
  static let interval: Duration = .seconds(60)

  struct Space: Sendable, Equatable {
    /// What a program without special rights may still write.
    let availableBytes: Int
    let totalBytes: Int

    var percent: Int { totalBytes == 0 ? 0 : availableBytes / (totalBytes / 100 + 1) }
    var isLow: Bool {
      availableBytes < DiskWatch.availableBytesMin && percent < DiskWatch.availablePercentMin
    }
  }

  private let directory: String
  private let space: @Sendable (String) -> Space?
  private var wasLow = false

  /// - Parameter space: asks the system; replaced by tests.
  init(of directory: String, space: @escaping @Sendable (String) -> Space? = DiskWatch.space(of:)) {
    self.directory = directory
    self.space = space
  }

  /// What is to be said now; nil when nothing has changed or the system doesn't answer.
  mutating func look() -> String? {
    guard let now = space(directory), now.isLow != wasLow else { return nil }
    wasLow = now.isLow
    let left = "\(now.availableBytes >> 20) MiB (\(now.percent) %) are free"
    return now.isLow
      ? "the disk of \(directory) gets full: \(left); when it is full, nothing can be stored"
      : "the disk of \(directory) has room again: \(left)"
  }

  /// Looks again and again until the task is cancelled.
  func run(report: @Sendable (String) -> Void) async throws {
    var watch = self
    while true {
      if let message = watch.look() { report(message) }
      try await Task.sleep(for: Self.interval)
    }
  }

  @Sendable static func space(of directory: String) -> Space? {
    var status = statvfs()
    guard statvfs(directory, &status) == 0 else { return nil }
    let block = UInt64(status.f_frsize)
    return Space(
      availableBytes: Int(clamping: UInt64(status.f_bavail) * block),
      totalBytes: Int(clamping: UInt64(status.f_blocks) * block))
  }
}
