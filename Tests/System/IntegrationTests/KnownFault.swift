/// Why a case of a client fails today: what the proxy does wrong.
enum KnownFault {
  /// Field values that are no UTF-8 are dropped.
  case fieldsAreText

  /// Cases that fail today, by client and name: one that is mended leaves this table.
  static let known: [String: [String: KnownFault]] = [
    "sockets": [
      "fields with bytes that are no text in any coding": .fieldsAreText
    ]
  ]
}
