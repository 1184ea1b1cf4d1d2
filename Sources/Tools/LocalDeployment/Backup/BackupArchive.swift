import Foundation

/// What lies inside a backup's encryption: a tar file (POSIX.1-1988 ustar), so that it can be taken
/// apart without this program.
///
/// ```
/// manifest.json           what it is and what it needs: BackupManifest
/// auth/00000000 ...       the parts of `pg_dump --format=custom` of one schema, at most 1 MiB each
/// vault/..., audit/...    the other schemas
/// end.json                the bytes of each schema: without it the backup is not whole
/// ```
///
/// A tar entry says its length before its bytes, and nobody knows how long a dump becomes: hence
/// parts.
enum BackupArchive {
  static let blockBytes = 512
  static let partBytesMax = 1 << 20
  static let manifestName = "manifest.json"
  static let endName = "end.json"
  /// The sizes in `end.json`, by schema.
  typealias Sizes = [String: Int]

  struct Entry: Sendable, Equatable {
    let name: String
    let bytes: [UInt8]

    /// The schema whose dump this is a part of.
    var schema: String? {
      let parts = name.split(separator: "/")
      return parts.count == 2 ? String(parts[0]) : nil
    }
  }

  /// The header's fields: where they begin and how many bytes they have.
  private enum Field {
    static let name = 0..<100
    static let mode = 100..<108
    static let owner = 108..<116
    static let group = 116..<124
    static let size = 124..<136
    static let time = 136..<148
    static let checksum = 148..<156
    static let type = 156
    static let magic = 257..<265
  }
  private static let magic = Array("ustar\u{0}00".utf8)
  private static let regularFile = UInt8(ascii: "0")

  /// A header, the bytes, and zeros up to the next block.
  static func encode(_ entry: Entry) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: blockBytes)
    func put(_ text: [UInt8], _ field: Range<Int>) {
      header.replaceSubrange(field.lowerBound..<field.lowerBound + text.count, with: text)
    }
    func octal(_ value: Int, _ field: Range<Int>) {
      let digits = String(value, radix: 8)
      let zeros = String(repeating: "0", count: max(0, field.count - 1 - digits.count))
      put(Array((zeros + digits).utf8), field)
    }
    put(Array(entry.name.utf8.prefix(Field.name.count - 1)), Field.name)
    octal(0o600, Field.mode)
    octal(0, Field.owner)
    octal(0, Field.group)
    octal(entry.bytes.count, Field.size)
    octal(0, Field.time)
    header[Field.type] = regularFile
    put(magic, Field.magic)
    octal(checksum(header), Field.checksum)
    return header + entry.bytes
      + [UInt8](repeating: 0, count: padding(behind: entry.bytes.count))
  }

  /// Two blocks of zeros end the file.
  static var end: [UInt8] { [UInt8](repeating: 0, count: 2 * blockBytes) }

  static func padding(behind count: Int) -> Int {
    (blockBytes - count % blockBytes) % blockBytes
  }

  /// Name and size of an entry; nil for the zeros at the end.
  ///
  /// - Throws: `DeploymentError.backup` for what `encode` has not written.
  static func decode(header: [UInt8]) throws -> (name: String, size: Int)? {
    guard header.count == blockBytes else { throw DeploymentError.backup(.truncated) }
    if header.allSatisfy({ $0 == 0 }) { return nil }
    let name = header[Field.name].prefix { $0 != 0 }
    guard Array(header[Field.magic]) == magic, header[Field.type] == regularFile,
      octal(header[Field.checksum]) == checksum(header),
      let size = octal(header[Field.size]), size <= partBytesMax,
      let text = String(validating: name, as: UTF8.self)
    else { throw DeploymentError.backup(.foreign) }
    return (text, size)
  }

  private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
    Int(String(decoding: field.prefix { $0 != 0 && $0 != 0x20 }, as: UTF8.self), radix: 8)
  }

  /// The sum of the bytes, its own field taken for spaces.
  private static func checksum(_ header: [UInt8]) -> Int {
    header.enumerated().reduce(0) { sum, byte in
      sum + (Field.checksum.contains(byte.offset) ? 0x20 : Int(byte.element))
    }
  }
}

/// Writes an archive to a pipe, from a thread that may block.
struct BackupArchiveWriter {
  let output: Descriptor
  private var sizes: BackupArchive.Sizes = [:]

  init(output: Descriptor) { self.output = output }

  func write(_ manifest: BackupManifest) throws {
    try output.write(
      BackupArchive.encode(.init(name: BackupArchive.manifestName, bytes: manifest.encoded())))
  }

  /// Copies a dump until `input` ends; returns its size in bytes.
  mutating func copy(_ input: Descriptor, as schema: String) throws -> Int {
    var size = 0
    for part in 0... {
      let bytes = try input.read(upTo: BackupArchive.partBytesMax)
      if bytes.isEmpty { break }
      size += bytes.count
      let number = String(part)
      let name = schema + "/" + String(repeating: "0", count: max(0, 8 - number.count)) + number
      try output.write(BackupArchive.encode(.init(name: name, bytes: bytes)))
      // A last part that is short is followed by nothing.
      if bytes.count < BackupArchive.partBytesMax { break }
    }
    sizes[schema] = size
    return size
  }

  func finish() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let end = [UInt8](try encoder.encode(sizes))
    try output.write(
      BackupArchive.encode(.init(name: BackupArchive.endName, bytes: end)) + BackupArchive.end)
    output.close()
  }
}

/// Reads an archive from a pipe, from a thread that may block; nothing in it is believed.
struct BackupArchiveReader: Sendable {
  let input: Descriptor

  /// The next entry; nil at the archive's end, which the stream's end must follow.
  ///
  /// - Throws: `DeploymentError.backup`.
  func next() throws -> BackupArchive.Entry? {
    let header = try input.read(upTo: BackupArchive.blockBytes)
    guard let (name, size) = try BackupArchive.decode(header: header) else {
      let second = try input.read(upTo: BackupArchive.blockBytes)
      guard second.count == BackupArchive.blockBytes else {
        throw DeploymentError.backup(.truncated)
      }
      guard second.allSatisfy({ $0 == 0 }), try input.read(upTo: 1).isEmpty else {
        throw DeploymentError.backup(.foreign)
      }
      return nil
    }
    let padding = BackupArchive.padding(behind: size)
    var bytes = try input.read(upTo: size + padding)
    guard bytes.count == size + padding else { throw DeploymentError.backup(.truncated) }
    bytes.removeLast(padding)
    return BackupArchive.Entry(name: name, bytes: bytes)
  }
}
