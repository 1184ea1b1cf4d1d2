import COpenSSL
import OpenSSL

/// A list of application protocols as ALPN carries it (RFC 7301, 3.1): each name behind its length.
struct ApplicationProtocols {
  private let names: [String]
  private let list: [UInt8]

  init(_ names: [String]) {
    self.names = names
    list = names.flatMap { [UInt8(truncatingIfNeeded: $0.utf8.count)] + $0.utf8 }
  }

  /// Offers them to servers; true when that worked.
  func offer(in context: OpaquePointer) -> Bool {
    // Zero means success here, against OpenSSL's habit.
    list.isEmpty || SSL_CTX_set_alpn_protos(context, list, UInt32(list.count)) == 0
  }

  /// Offers them to the server of one connection; true when that worked.
  func offer(on connection: OpaquePointer) -> Bool {
    SSL_set_alpn_protos(connection, list, UInt32(list.count)) == 0
  }

  /// Answers a client's offer with the first of ours that it knows, or refuses the connection.
  static let select: SSL_CTX_alpn_select_cb_func = {
    connection, chosen, chosenBytes, offered, count, _ in
    guard let connection = TLSConnection.of(connection) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let wanted = connection.context.applicationProtocols
    guard !wanted.list.isEmpty else { return SSL_TLSEXT_ERR_NOACK }
    let offer = UnsafeBufferPointer(start: offered, count: Int(count))
    for name in wanted.names {
      guard let place = place(of: name, in: offer) else { continue }
      chosen?.pointee = offered.map { $0 + place.lowerBound }
      chosenBytes?.pointee = UInt8(truncatingIfNeeded: place.count)
      return SSL_TLSEXT_ERR_OK
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }

  private static func place(
    of name: String, in offer: UnsafeBufferPointer<UInt8>
  ) -> Range<Int>? {
    var index = 0
    while index < offer.count {
      let start = index + 1
      let end = start + Int(offer[index])
      guard end <= offer.count else { return nil }
      if offer[start..<end].elementsEqual(name.utf8) { return start..<end }
      index = end
    }
    return nil
  }

  /// What both ends agreed on; nil when nothing was said.
  static func negotiated(_ connection: OpaquePointer) -> String? {
    var start: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(connection, &start, &count)
    guard count > 0 else { return nil }
    return String(
      decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
  }

  /// Throws when the peer chose nothing although something was wanted.
  func check(_ negotiated: String?) throws(TLSError) {
    guard names.isEmpty || negotiated.map(names.contains) == true else {
      throw .noApplicationProtocol(wanted: names)
    }
  }
}
