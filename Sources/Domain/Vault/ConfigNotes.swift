package import FoundationEssentials

/// What an owner writes beside a key: nothing of it is secret, and the vault only shows it, apart
/// from the dates.
package struct ConfigNotes: Sendable, Hashable {
  package static let noteBytesMax = 2_000
  package static let tagsMax = 10
  package static let tagCharactersMax = 32

  /// The owner's own words.
  package var note = ""
  /// In alphabetical order, each once.
  package var tags: [String] = []
  /// From then on the key isn't used.
  package var expireTime: Date?
  /// When the owner is reminded of the key by mail.
  package var remindTime: Date?

  /// Takes what the database holds.
  package init(
    note: String = "", tags: [String] = [], expireTime: Date? = nil, remindTime: Date? = nil
  ) {
    self.note = note
    self.tags = tags
    self.expireTime = expireTime
    self.remindTime = remindTime
  }

  /// Whether the key may still be used at this moment.
  package func areExpired(at time: Date) -> Bool { expireTime.map { $0 <= time } ?? false }
}

/// Which of its notes a change replaces; nil leaves one as it is.
package struct NotesPatch: Sendable, Hashable {
  private enum Clearable: String {
    case expireTime
    case remindTime
  }

  package var note: String?
  package var tags: [String]?
  package var expireTime: Date?
  package var remindTime: Date?
  /// Dates to remove, by their JSON names.
  package var cleared: [String]

  package init(
    note: String? = nil, tags: [String]? = nil, expireTime: Date? = nil,
    remindTime: Date? = nil, cleared: [String] = []
  ) {
    self.note = note
    self.tags = tags
    self.expireTime = expireTime
    self.remindTime = remindTime
    self.cleared = cleared
  }

  /// JSON names of the fields that are present, for the receipt.
  var fieldNames: [String] {
    [
      note.map { _ in "note" }, tags.map { _ in "tags" }, expireTime.map { _ in "expireTime" },
      remindTime.map { _ in "remindTime" },
    ].compactMap { $0 } + cleared
  }

  /// Puts the patch into `notes`. Throws `.invalid` with the field and its limit.
  func apply(
    to notes: inout ConfigNotes, at now: Date
  ) throws(VaultError) {
    if let note { notes.note = try Self.checked(note: note) }
    if let tags { notes.tags = try Self.checked(tags: tags) }
    if let expireTime {
      notes.expireTime = try Self.future(expireTime, .expireTime, after: now)
    }
    if let remindTime {
      notes.remindTime = try Self.future(remindTime, .remindTime, after: now)
    }
    for name in cleared {
      switch Clearable(rawValue: name) {
      case .expireTime: notes.expireTime = nil
      case .remindTime: notes.remindTime = nil
      case nil: throw .invalid(.clear, reason: "holds another name than expireTime and remindTime")
      }
    }
  }

  private static func checked(note: String) throws(VaultError) -> String {
    guard note.utf8.count <= ConfigNotes.noteBytesMax else {
      throw .invalid(.note, reason: "is longer than \(ConfigNotes.noteBytesMax) bytes")
    }
    let isText = note.utf8.allSatisfy {
      $0 >= 0x20 && $0 != 0x7F || [0x09, 0x0A, 0x0D].contains($0)
    }
    guard isText else { throw .invalid(.note, reason: "holds a control character") }
    return note
  }

  private static func checked(tags: [String]) throws(VaultError) -> [String] {
    let tags = Array(Set(tags)).sorted()
    guard tags.count <= ConfigNotes.tagsMax else {
      throw .invalid(.tags, reason: "are more than \(ConfigNotes.tagsMax)")
    }
    for tag in tags {
      guard (1...ConfigNotes.tagCharactersMax).contains(tag.utf8.count), (try? Label(tag)) != nil
      else {
        throw .invalid(
          .tags,
          reason: "must each be 1 to \(ConfigNotes.tagCharactersMax) characters of a-z, 0-9, '.', "
            + "'_' and '-'")
      }
    }
    return tags
  }

  /// In the whole microseconds that the database holds.
  private static func future(
    _ time: Date, _ field: VaultError.Field,
    after now: Date
  ) throws(VaultError) -> Date {
    guard time > now else { throw .invalid(field, reason: "must be in the future") }
    let seconds = (time.timeIntervalSince1970 * 1_000_000).rounded() / 1_000_000
    return Date(timeIntervalSince1970: seconds)
  }
}
