import CCurl
import Cryptography
import Foundation

/// HTTP with one portal: owns libcurl's handle, and with it a connection and, after a log-in by
/// password, the cookies.
///
/// Blocks until each answer is there. Certificates and names are checked, and no redirect is
/// followed: what is sent goes to the portal and nowhere else.
final class PortalConnection {
  static let connectTimeoutSeconds = 10
  /// For one answer, whole.
  static let timeoutSeconds = 30
  /// Longer answers are cut, and refused.
  static let answerBytesMax = 16 << 20
  /// Once per process, before any other call.
  private static let isReady = ccurl_global_init() == CURLE_OK

  struct Answer {
    let status: Int
    let body: [UInt8]

    /// Empty when the body is no JSON object.
    var object: [String: Any] {
      (try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]) ?? [:]
    }
  }

  let address: PortalAddress
  private let command: String
  private let caFile: String?
  private let handle: UnsafeMutableRawPointer
  private let reason: UnsafeMutablePointer<CChar>
  private var received: [UInt8] = []
  private var isTooLong = false

  /// - Parameters:
  ///   - caFile: PEM of the authorities that may vouch for the portal; the system's without.
  ///   - command: what is run, as the audit log shows it, e.g. `run`.
  init(_ address: PortalAddress, caFile: String?, command: String) throws(CommandError) {
    if let caFile, access(caFile, R_OK) != 0 {
      throw CommandError("\(caFile): \(String(cString: strerror(errno)))")
    }
    guard Self.isReady, let handle = curl_easy_init() else {
      throw CommandError("libcurl has no handle")
    }
    (self.address, self.caFile, self.command, self.handle) = (address, caFile, command, handle)
    reason = .allocate(capacity: Int(CURL_ERROR_SIZE))
    reason.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit {
    curl_easy_cleanup(handle)
    reason.deallocate()
  }

  /// Sends one request and returns its answer, whatever its status.
  func send(
    _ method: String, _ path: String, json: [UInt8]? = nil, headers: [String] = []
  ) throws(CommandError) -> Answer {
    // Keeps the connection and the cookies.
    curl_easy_reset(handle)
    received = []
    reason[0] = 0
    var list: UnsafeMutablePointer<curl_slist>?
    defer { curl_slist_free_all(list) }
    for line in ["Accept: application/json", "Content-Type: application/json", "Expect:"] + headers
    {
      list = curl_slist_append(list, line)
    }
    try setConnection()
    try set(CURLOPT_URL, address.description + path)
    try check(ccurl_set_list(handle, CURLOPT_HTTPHEADER, list))
    if let json {
      try set(CURLOPT_POST, 1)
      try set(CURLOPT_POSTFIELDSIZE, json.count)
      let code = json.withUnsafeBufferPointer { bytes in
        bytes.withMemoryRebound(to: CChar.self) { text in
          ccurl_set_text(handle, CURLOPT_COPYPOSTFIELDS, text.baseAddress)
        }
      }
      try check(code)
    }
    try set(CURLOPT_CUSTOMREQUEST, method)
    try setSink()
    return try finish(curl_easy_perform(handle))
  }

  private func setConnection() throws(CommandError) {
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_CONNECTTIMEOUT, Self.connectTimeoutSeconds)
    try set(CURLOPT_TIMEOUT, Self.timeoutSeconds)
    try set(CURLOPT_PROTOCOLS_STR, address.isPlain ? "http" : "https")
    // A proxy of the environment sees TLS only; what is in the clear stays on this machine.
    if address.isPlain { try set(CURLOPT_PROXY, "") }
    try set(CURLOPT_FOLLOWLOCATION, 0)
    try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    try set(CURLOPT_SSL_VERIFYPEER, 1)
    try set(CURLOPT_SSL_VERIFYHOST, 2)
    if let caFile { try set(CURLOPT_CAINFO, caFile) }
    try set(CURLOPT_USERAGENT, "chatelaine \(command)")
    // No file: cookies live as long as the handle.
    try set(CURLOPT_COOKIEFILE, "")
    try check(ccurl_set_buffer(handle, CURLOPT_ERRORBUFFER, reason))
  }

  private func setSink() throws(CommandError) {
    try check(
      ccurl_set_sink(
        handle,
        { bytes, size, count, context in
          guard let bytes, let context else { return 0 }
          return Unmanaged<PortalConnection>.fromOpaque(context).takeUnretainedValue()
            .keep(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }, Unmanaged.passUnretained(self).toOpaque()))
  }

  private func keep(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard received.count + bytes.count <= Self.answerBytesMax else {
      isTooLong = true
      return 0
    }
    received += bytes
    return bytes.count
  }

  private func finish(_ code: CURLcode) throws(CommandError) -> Answer {
    guard !isTooLong else {
      throw CommandError("\(address) answers with more than \(Self.answerBytesMax) bytes")
    }
    guard code == CURLE_OK else {
      let said = String(cString: reason)
      let why = said.isEmpty ? String(cString: curl_easy_strerror(code)) : said
      throw CommandError("the portal at \(address) can't be reached: \(why)")
    }
    return Answer(status: ccurl_response_code(handle), body: received)
  }

  private func set(_ option: CURLoption, _ value: Int) throws(CommandError) {
    try check(ccurl_set_number(handle, option, value))
  }

  private func set(_ option: CURLoption, _ text: String) throws(CommandError) {
    try check(ccurl_set_text(handle, option, text))
  }

  private func check(_ code: CURLcode) throws(CommandError) {
    guard code == CURLE_OK else {
      throw CommandError("libcurl: \(String(cString: curl_easy_strerror(code)))")
    }
  }
}
