/// Why a case of a client fails today: what the proxy does wrong.
enum KnownFault {
  /// An upload's address leads to the proxy, for which the SDK has no token there.
  case uploadWithoutToken
  /// An upgrade to WebSocket is refused.
  case noWebSocket
  /// Field values that are no UTF-8 are dropped.
  case fieldsAreText

  /// Cases that fail today, by client and name: one that is mended leaves this table.
  static let known: [String: [String: KnownFault]] = [
    "openai": [
      "realtime (WebSocket)": .noWebSocket
    ],
    "google": [
      "a resumable upload": .uploadWithoutToken
    ],
    "aiohttp": [
      "WebSocket: frames both ways, and its end": .noWebSocket
    ],
    "sockets": [
      "fields with bytes that are no text in any coding": .fieldsAreText,
      "a WebSocket gets the key, and the token in its protocols stays here": .noWebSocket,
    ],
  ]
}
