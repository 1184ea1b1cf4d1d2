import Foundation

/// The resident memory of another process, as the kernel counts it.
struct ServerMemory {
  let processID: Int32

  /// VmRSS, in bytes.
  var residentBytes: Int { value("VmRSS") }

  /// The highest VmRSS since `forgetPeak`, in bytes.
  var peakBytes: Int { value("VmHWM") }

  /// Starts a new peak at what is resident now (proc(5), `clear_refs`).
  func forgetPeak() throws {
    try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/\(processID)/clear_refs"))
  }

  private func value(_ name: String) -> Int {
    let status = (try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
    let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap {
      Int($0)
    }
    return (kibibytes ?? 0) << 10
  }
}
