package import Files
package import FoundationEssentials
import Glibc
import Threads

/// A folder in which mails end instead of leaving: for a deployment on one machine that has no
/// mail server. One file for each, which mail programs can open.
package final class Mailbox: MailTransport {
  /// The oldest go when there are more.
  package static let mailsMax = 1_000
  /// Larger files are not read.
  package static let mailBytesMax = 1 << 20
  private static let suffix = ".eml"

  package let path: String
  private let workers = WorkerThreads(count: 1, queueLimit: 64)

  /// Nothing is created before the first mail.
  package init(path: String) { self.path = path }

  deinit { workers.shutdown() }

  package func send(_ message: MailMessage) async throws(MailError) {
    do {
      try await workers.run { [path] in try Self.write(message, into: path) }
    } catch {
      throw .unavailable(detail: "\(error)")
    }
  }

  private static func write(_ message: MailMessage, into path: String) throws {
    try AtomicFile.makeDirectory(path)
    let milliseconds = Int64(exactly: (message.time.timeIntervalSince1970 * 1000).rounded()) ?? 0
    let time = String(milliseconds)
    let ordered = String(repeating: "0", count: max(0, 15 - time.utf8.count)) + time
    // A mail that is delivered twice is one.
    let known = try names(in: path).contains { $0.contains(message.id.uuidString) }
    if !known {
      try AtomicFile.write(
        message.encoded, to: "\(path)/\(ordered)-\(message.id.uuidString)\(suffix)")
    }
    for name in try names(in: path).dropLast(mailsMax) { unlink("\(path)/\(name)") }
  }

  /// Oldest first; none when there is no folder.
  private static func names(in path: String) throws(FileError) -> [String] {
    guard let directory = opendir(path) else {
      let error = FileError(path: path)
      if error.isMissing { return [] }
      throw error
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(suffix) { names.append(name) }
    }
    return names.sorted()
  }

  /// A mail as it lies in the folder.
  package struct Mail: Sendable, Hashable {
    package let to: String
    package let subject: String
    package let time: Date
    package let text: String
  }

  /// What the folder holds, oldest first; a file that isn't one of ours is left out.
  package func mails() throws(FileError) -> [Mail] {
    var mails: [Mail] = []
    for name in try Self.names(in: path) {
      guard
        let bytes = try SmallFile.read("\(path)/\(name)", bytesMax: Self.mailBytesMax),
        let mail = Self.mail(String(decoding: bytes, as: UTF8.self), name: name)
      else { continue }
      mails.append(mail)
    }
    return mails
  }

  /// Takes a mail apart that `MailMessage` has made.
  private static func mail(_ encoded: String, name: String) -> Mail? {
    let blocks = encoded.components(separatedBy: "\r\n\r\n")
    guard blocks.count >= 3, let milliseconds = Double(name.prefix { $0 != "-" }) else {
      return nil
    }
    let head = blocks[0].components(separatedBy: "\r\n")
    func field(_ name: String) -> String? {
      guard let start = head.firstIndex(where: { $0.hasPrefix(name + ": ") }) else { return nil }
      let more = head[(start + 1)...].prefix { $0.hasPrefix(" ") }
      return ([String(head[start].dropFirst(name.count + 2))] + more).joined()
    }
    guard let to = field("To"), let subject = field("Subject") else { return nil }
    // The boundary stands behind the text.
    let text = blocks[2...].joined(separator: "\r\n\r\n")
      .components(separatedBy: "\r\n--chatelaine-")[0]
    return Mail(
      to: HeaderText.decodedWords(to), subject: HeaderText.decodedWords(subject),
      time: Date(timeIntervalSince1970: milliseconds / 1000),
      text: QuotedPrintable.decode(text))
  }
}
