import CCurl
import Cryptography
import Glibc
import Synchronization
import Threads

/// Sends mails to a server by SMTP (RFC 5321), one connection each, on threads of its own.
///
/// With TLS the server's certificate and name are checked; certificate errors, like everything
/// that an operator can mend, count as "unavailable", so that no mail is lost by them.
package final class SMTPTransport: MailTransport {
  package static let connectTimeout: Duration = .seconds(10)
  /// For the whole of one mail.
  package static let timeout: Duration = .seconds(30)
  private static let threadCount = 2
  private static let queueLimit = 64

  private let server: SMTPServer
  /// How we introduce ourselves.
  private let ownName: String
  private let workers = WorkerThreads(count: threadCount, queueLimit: queueLimit)

  /// - Parameter ownName: the domain that EHLO names, e.g. the sender's.
  package init(server: SMTPServer, ownName: String) {
    self.server = server
    self.ownName = ownName
  }

  deinit { workers.shutdown() }

  package func send(_ message: MailMessage) async throws(MailError) {
    let (server, ownName) = (server, ownName)
    do {
      try await workers.run { try SMTPTransfer(server, ownName).run(message) }
    } catch let error as MailError {
      throw error
    } catch {
      throw .unavailable(detail: "not sent: \(error)")
    }
  }
}

/// One mail on its way: owns libcurl's handle.
private final class SMTPTransfer {
  /// Once per process, before any other call.
  private static let isReady = ccurl_global_init() == CURLE_OK

  private let server: SMTPServer
  private let ownName: String
  private let curl: OpaquePointer
  private let reason: UnsafeMutablePointer<CChar>
  private var recipients: UnsafeMutablePointer<curl_slist>?
  private var source: [UInt8] = []
  private var position = 0

  init(_ server: SMTPServer, _ ownName: String) throws(MailError) {
    guard Self.isReady, let curl = curl_easy_init() else {
      throw .unavailable(detail: "libcurl has no handle")
    }
    self.server = server
    self.ownName = ownName
    self.curl = OpaquePointer(curl)
    reason = .allocate(capacity: Int(CURL_ERROR_SIZE))
    reason.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit {
    curl_easy_cleanup(UnsafeMutableRawPointer(curl))
    curl_slist_free_all(recipients)
    reason.deallocate()
  }

  private var handle: UnsafeMutableRawPointer { UnsafeMutableRawPointer(curl) }

  /// Blocks until the server has taken the mail or it is clear that it doesn't.
  func run(_ message: MailMessage) throws(MailError) {
    source = message.encoded
    recipients = curl_slist_append(nil, "<\(message.to.address)>")
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_CONNECTTIMEOUT, Int(SMTPTransport.connectTimeout.components.seconds))
    try set(CURLOPT_TIMEOUT, Int(SMTPTransport.timeout.components.seconds))
    try set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
    // Mail goes nowhere that the environment says.
    try set(CURLOPT_PROXY, "")
    try set(CURLOPT_URL, url)
    try setSecurity()
    try set(CURLOPT_MAIL_FROM, "<\(message.from.address)>")
    try check(ccurl_set_list(handle, CURLOPT_MAIL_RCPT, recipients))
    try set(CURLOPT_UPLOAD, 1)
    try check(
      ccurl_set_source(
        handle,
        { buffer, size, count, context in
          guard let buffer, let context else { return 0 }
          return Unmanaged<SMTPTransfer>.fromOpaque(context).takeUnretainedValue()
            .fill(buffer, size * count)
        }, Unmanaged.passUnretained(self).toOpaque()))
    try check(ccurl_set_buffer(handle, CURLOPT_ERRORBUFFER, reason))
    try finish(curl_easy_perform(handle))
  }

  private var url: String {
    let scheme = server.security == .implicitTLS ? "smtps" : "smtp"
    let host = server.host.utf8.contains(UInt8(ascii: ":")) ? "[\(server.host)]" : server.host
    return "\(scheme)://\(host):\(server.port)/\(ownName)"
  }

  private func setSecurity() throws(MailError) {
    try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    try set(CURLOPT_SSL_VERIFYPEER, 1)
    try set(CURLOPT_SSL_VERIFYHOST, 2)
    if server.security != .none {
      try set(CURLOPT_USE_SSL, Int(CURLUSESSL_ALL.rawValue))
    }
    if let file = server.certificateAuthorityFile { try set(CURLOPT_CAINFO, file) }
    guard server.user.count > 0 else { return }
    try check(server.user.withUTF8String { ccurl_set_text(handle, CURLOPT_USERNAME, $0) })
    try check(server.password.withUTF8String { ccurl_set_text(handle, CURLOPT_PASSWORD, $0) })
  }

  private func fill(_ buffer: UnsafeMutablePointer<CChar>, _ capacity: Int) -> Int {
    let count = min(capacity, source.count - position)
    source.withUnsafeBytes { bytes in
      UnsafeMutableRawBufferPointer(start: buffer, count: count)
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[position..<position + count]))
    }
    position += count
    return count
  }

  private func finish(_ code: CURLcode) throws(MailError) {
    guard code != CURLE_OK else { return }
    let said = String(cString: reason)
    let detail = said.isEmpty ? String(cString: curl_easy_strerror(code)) : said
    let answer = ccurl_response_code(handle)
    // Only what the server says of sender, recipient or content is about this mail. That it wants
    // another password or no TLS is about the setting.
    let isOfTheMail =
      code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_WEIRD_SERVER_REPLY
    if isOfTheMail, (550...559).contains(answer) {
      throw .refused(code: answer, detail: detail)
    }
    throw .unavailable(detail: "\(server): \(detail)")
  }

  private func set(_ option: CURLoption, _ value: Int) throws(MailError) {
    try check(ccurl_set_number(handle, option, value))
  }

  private func set(_ option: CURLoption, _ text: String) throws(MailError) {
    try check(ccurl_set_text(handle, option, text))
  }

  private func check(_ code: CURLcode) throws(MailError) {
    guard code == CURLE_OK else {
      throw .unavailable(detail: "libcurl: \(String(cString: curl_easy_strerror(code)))")
    }
  }
}
