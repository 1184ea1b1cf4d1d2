import Edge
import Protobuf
import ServiceAPI

/// What an owner writes beside a key, and the days on which something is due: a form of its own on
/// the key's page.
struct KeyNotesForm: Sendable {
  static let labels = [
    "note": "Note", "tags": "Tags", "expireTime": "Not used from", "remindTime": "Remind me on",
  ]
  private static let noteCharactersMax = 2_000
  private static let tagsBytesMax = 400

  var note: String
  /// With blanks between.
  var tags: String
  /// As `2026-01-31`; empty for none.
  var expireDay: String
  var remindDay: String

  /// What is stored.
  init(_ config: VaultAPI.ProviderConfig) {
    note = config.note
    tags = config.tags.joined(separator: " ")
    expireDay = config.expireTime.map { Moment($0).date } ?? ""
    remindDay = config.remindTime.map { Moment($0).date } ?? ""
  }

  init(_ data: FormData) {
    note = data.trimmed("note")
    tags = data.trimmed("tags").lowercased()
    expireDay = data.trimmed("expireTime")
    remindDay = data.trimmed("remindTime")
  }

  /// What is no date.
  var mistakes: [Mistakes.Item] {
    [("expireTime", expireDay), ("remindTime", remindDay)].compactMap { name, day in
      guard !day.isEmpty, TimeZoneRules.shown.startOfDay(day) == nil else { return nil }
      return .init(name, label: Self.labels[name] ?? "", "must be a date such as 2027-01-31")
    }
  }

  /// What differs from what is stored.
  func request(
    for config: VaultAPI.ProviderConfig, etag: String
  ) -> VaultAPI.UpdateProviderConfigRequest {
    var request = VaultAPI.UpdateProviderConfigRequest(id: config.id, etag: etag)
    let stored = KeyNotesForm(config)
    if note != stored.note { request.note = note }
    if tags != stored.tags {
      let words = tags.utf8.split { $0 == 0x20 || $0 == 0x2C }.map { String(Substring($0)) }
      request.tags = VaultAPI.Tags(values: words)
    }
    if expireDay != stored.expireDay {
      request.expireTime = Self.time(expireDay)
      if expireDay.isEmpty { request.clear.append("expireTime") }
    }
    if remindDay != stored.remindDay {
      request.remindTime = Self.time(remindDay)
      if remindDay.isEmpty { request.clear.append("remindTime") }
    }
    return request
  }

  /// The beginning of the day where its reader is.
  private static func time(_ day: String) -> Timestamp? {
    TimeZoneRules.shown.startOfDay(day).map { Timestamp(seconds: $0) }
  }

  func fields(_ mistakes: Mistakes?) -> [Field] {
    [
      Field(
        "note", "Note", value: note, hint: "For yourself, e.g. whose account it is of.",
        isOptional: true, lengthMax: Self.noteCharactersMax, mistakes: mistakes),
      Field(
        "tags", "Tags", value: tags,
        hint: "With blanks between: small letters, digits, and . _ -. The list finds keys by them.",
        isOptional: true, isPlain: true, lengthMax: Self.tagsBytesMax, mistakes: mistakes),
      Field(
        "remindTime", "Remind me on", type: "date", value: remindDay,
        hint: "A mail reminds you of the key on this day.", isOptional: true, mistakes: mistakes),
      Field(
        "expireTime", "Not used from", type: "date", value: expireDay,
        hint: "From this day on the key is kept and its use refused, and a mail tells you.",
        isOptional: true, mistakes: mistakes),
    ]
  }
}
