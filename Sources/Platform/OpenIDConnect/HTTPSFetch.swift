import Addresses
import CCurl
import Cryptography
import Glibc
import Synchronization
import Threads

/// Why a provider could not be asked, or what it said could not be believed. For the operator's
/// log; the person reads one sentence for all.
package enum OpenIDError: Error, Hashable {
  /// It can't be reached, or answers with another status than 200.
  case unreachable(detail: String)
  /// Its answer is not what the specification wants.
  case malformed(String)
  /// It, or whoever speaks for it, says something that is not true here.
  case refused(String)
}

/// Fetches a provider's documents by libcurl, on threads of its own.
///
/// Certificates and names are checked, nothing is followed anywhere else, and every address is
/// looked at when the connection is made, so that a name can't lead one way for the look and
/// another for the connection.
package final class HTTPSFetch: Sendable {
  package static let connectTimeout: Duration = .seconds(5)
  /// For one answer, whole.
  package static let timeout: Duration = .seconds(10)
  /// Longer answers are cut, and refused.
  package static let answerBytesMax = 512 << 10
  private static let threadCount = 2
  private static let queueLimit = 64

  /// One thing to fetch.
  struct Order: Sendable {
    let url: String
    /// Whether the operator has named this very host: then it may have a private address.
    let mayBePrivate: Bool
    /// A form to POST; nil to GET.
    var form: SecretBytes?
    /// Basic authentication (RFC 6749, 2.3.1).
    var user: SecretBytes?
    var password: SecretBytes?
  }

  private let authorityFile: String?
  private let workers = WorkerThreads(count: threadCount, queueLimit: queueLimit)

  /// - Parameter authorityFile: PEM of the authorities that may vouch for providers; the system's
  ///   without.
  package init(authorityFile: String? = nil) { self.authorityFile = authorityFile }

  deinit { workers.shutdown() }

  func fetch(_ order: Order) async throws(OpenIDError) -> [UInt8] {
    let authorityFile = authorityFile
    do {
      return try await workers.run { try HTTPSTransfer(order, authorityFile).run() }
    } catch let error as OpenIDError {
      throw error
    } catch {
      throw .unreachable(detail: "not asked: \(error)")
    }
  }
}

/// One answer on its way: owns libcurl's handle.
private final class HTTPSTransfer {
  /// Once per process, before any other call.
  private static let isReady = ccurl_global_init() == CURLE_OK

  private let order: HTTPSFetch.Order
  private let authorityFile: String?
  private let handle: UnsafeMutableRawPointer
  private let reason: UnsafeMutablePointer<CChar>
  private var headers: UnsafeMutablePointer<curl_slist>?
  private var answer: [UInt8] = []
  private var isTooLong = false
  /// Why an address was not connected to.
  private var refusal: String?

  init(_ order: HTTPSFetch.Order, _ authorityFile: String?) throws(OpenIDError) {
    guard Self.isReady, let handle = curl_easy_init() else {
      throw .unreachable(detail: "libcurl has no handle")
    }
    self.order = order
    self.authorityFile = authorityFile
    self.handle = handle
    reason = .allocate(capacity: Int(CURL_ERROR_SIZE))
    reason.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit {
    curl_easy_cleanup(handle)
    curl_slist_free_all(headers)
    reason.deallocate()
  }

  /// Blocks until the answer is there.
  func run() throws(OpenIDError) -> [UInt8] {
    headers = curl_slist_append(nil, "Accept: application/json")
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_CONNECTTIMEOUT, Int(HTTPSFetch.connectTimeout.components.seconds))
    try set(CURLOPT_TIMEOUT, Int(HTTPSFetch.timeout.components.seconds))
    try set(CURLOPT_PROTOCOLS_STR, "https")
    // Nothing goes where the environment says.
    try set(CURLOPT_PROXY, "")
    try set(CURLOPT_FOLLOWLOCATION, 0)
    try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    try set(CURLOPT_SSL_VERIFYPEER, 1)
    try set(CURLOPT_SSL_VERIFYHOST, 2)
    if let authorityFile { try set(CURLOPT_CAINFO, authorityFile) }
    try set(CURLOPT_URL, order.url)
    try check(ccurl_set_list(handle, CURLOPT_HTTPHEADER, headers))
    try setRequest()
    try setCallbacks()
    try check(ccurl_set_buffer(handle, CURLOPT_ERRORBUFFER, reason))
    return try finish(curl_easy_perform(handle))
  }

  private func setRequest() throws(OpenIDError) {
    if let form = order.form {
      try set(CURLOPT_POST, 1)
      try set(CURLOPT_POSTFIELDSIZE, form.count)
      try check(form.withUTF8String { ccurl_set_text(handle, CURLOPT_COPYPOSTFIELDS, $0) })
    }
    guard let user = order.user, let password = order.password else { return }
    try check(user.withUTF8String { ccurl_set_text(handle, CURLOPT_USERNAME, $0) })
    try check(password.withUTF8String { ccurl_set_text(handle, CURLOPT_PASSWORD, $0) })
  }

  private func setCallbacks() throws(OpenIDError) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    try check(
      ccurl_set_sink(
        handle,
        { bytes, size, count, context in
          guard let bytes, let context else { return 0 }
          return Unmanaged<HTTPSTransfer>.fromOpaque(context).takeUnretainedValue()
            .keep(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }, context))
    try check(
      ccurl_set_opener(
        handle,
        { context, _, address in
          guard let address, let context else { return -1 }
          return Unmanaged<HTTPSTransfer>.fromOpaque(context).takeUnretainedValue().open(address)
        }, context))
  }

  private func keep(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard answer.count + bytes.count <= HTTPSFetch.answerBytesMax else {
      isTooLong = true
      return 0
    }
    answer += bytes
    return bytes.count
  }

  /// The socket for an address; -1 (CURL_SOCKET_BAD) for one that is not to be connected to.
  private func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> Int32 {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = Int(ccurl_address_bytes(address, &bytes))
    guard let ip = IPAddress(bytes: bytes.prefix(count)) else { return -1 }
    if !order.mayBePrivate, let why = AddressPolicy.refusal(of: ip) {
      refusal = why
      return -1
    }
    return socket(
      address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue),
      address.pointee.protocol)
  }

  private func finish(_ code: CURLcode) throws(OpenIDError) -> [UInt8] {
    if isTooLong {
      throw .malformed("an answer of more than \(HTTPSFetch.answerBytesMax) bytes")
    }
    if let refusal { throw .refused("\(order.url) has \(refusal)") }
    guard code == CURLE_OK else {
      let said = String(cString: reason)
      throw .unreachable(
        detail: "\(order.url): \(said.isEmpty ? String(cString: curl_easy_strerror(code)) : said)")
    }
    let status = ccurl_response_code(handle)
    guard status == 200 else { throw .unreachable(detail: "\(order.url) answers \(status)") }
    return answer
  }

  private func set(_ option: CURLoption, _ value: Int) throws(OpenIDError) {
    try check(ccurl_set_number(handle, option, value))
  }

  private func set(_ option: CURLoption, _ text: String) throws(OpenIDError) {
    try check(ccurl_set_text(handle, option, text))
  }

  private func check(_ code: CURLcode) throws(OpenIDError) {
    guard code == CURLE_OK else {
      throw .unreachable(detail: "libcurl: \(String(cString: curl_easy_strerror(code)))")
    }
  }
}
