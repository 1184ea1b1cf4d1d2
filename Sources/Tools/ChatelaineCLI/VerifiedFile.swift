import Foundation
import TransparencyLog

/// A file of entries whose every line holds.
struct VerifiedFile {
  let name: String
  let reader: ProofReader
  /// Of each entry, to compare with an older or newer file of the same account.
  private let leaves: [UInt64: MerkleHash]

  /// - Throws: `CommandError` with the first thing that is wrong.
  init(_ name: String, key: LogKey) throws {
    self.name = name
    var lines = try LineReader(name)
    guard let header = try lines.next() else { throw CommandError("\(name): is empty") }
    var leaves: [UInt64: MerkleHash] = [:]
    do {
      var reader = try ProofReader(header: header, key: key)
      while let line = try lines.next() {
        let leaf = try reader.read(line)
        if let entry = reader.last?.accountEntry { leaves[entry] = leaf }
      }
      try reader.finish()
      self.reader = reader
    } catch let fault as ProofFault {
      throw CommandError("\(name): \(fault)")
    }
    self.leaves = leaves
  }

  var summary: String {
    let log = "a log of \(reader.checkpoint.size) entries, signed by \(reader.checkpoint.origin)"
    guard let first = reader.first, let last = reader.last else {
      return "\(name): holds; no entry of account \(reader.header.account) is in \(log)"
    }
    let erased = reader.erased > 0 ? ", \(reader.erased) of them erased" : ""
    let time = Date(timeIntervalSince1970: Double(last.timeMicroseconds) / 1_000_000)
    let which =
      reader.header.entries == nil
      ? "entry \(first.sequence)" : "all \(reader.entries) entries\(erased)"
    return "\(name): \(which) of account \(reader.header.account) hold up to "
      + "\(time.formatted(.iso8601)), entry \(last.sequence), in \(log)"
  }

  /// What this file shows of an older one.
  func continuation(of old: VerifiedFile) throws -> String {
    if old.reader.header.account == reader.header.account {
      for (entry, leaf) in old.leaves.sorted(by: { $0.key < $1.key }) {
        if let mine = leaves[entry], mine != leaf {
          throw CommandError(
            "\(name): the account's entry number \(entry) is not that of \(old.name)")
        }
      }
    }
    do {
      guard try reader.continues(old.reader.checkpoint) == true else {
        throw CommandError(
          "\(name): has no proof that it continues \(old.name); get it with ?since="
            + "\(old.reader.checkpoint.size)")
      }
    } catch let fault as ProofFault {
      throw CommandError("\(name): \(fault)")
    }
    return "\(name): continues \(old.name), nothing before it was changed"
  }

  /// Looks at all leaves of the log.
  func scan(_ path: String) throws {
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw CommandError("\(path): can't be read")
    }
    defer { try? file.close() }
    var scan = LeafScan(reader)
    var rest: [UInt8] = []
    do {
      while let piece = try file.read(upToCount: LineReader.pieceBytes), !piece.isEmpty {
        rest += piece
        for leaf in LeafBundle.takeWhole(from: &rest) { try scan.take(leaf) }
      }
      try scan.finish()
    } catch let fault as ProofFault {
      throw CommandError("\(path): \(fault)")
    }
  }
}

/// Lines of a file or of standard input, of bounded length.
struct LineReader {
  static let pieceBytes = 64 << 10

  private let name: String
  private let file: FileHandle
  private var rest = Data()
  private var hasEnded = false

  init(_ name: String) throws {
    self.name = name
    guard let file = name == "-" ? .standardInput : FileHandle(forReadingAtPath: name) else {
      throw CommandError("\(name): can't be read")
    }
    self.file = file
  }

  /// The next line without its end; nil behind the last.
  mutating func next() throws -> [UInt8]? {
    while true {
      if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(rest[rest.startIndex..<end])
        rest = Data(rest[rest.index(after: end)...])
        return line
      }
      guard rest.count <= ProofFile.lineBytesMax else {
        throw CommandError("\(name): a line is longer than \(ProofFile.lineBytesMax) bytes")
      }
      if hasEnded {
        defer { rest = Data() }
        return rest.isEmpty ? nil : Array(rest)
      }
      let piece = try file.read(upToCount: Self.pieceBytes) ?? Data()
      hasEnded = piece.isEmpty
      rest += piece
    }
  }
}
