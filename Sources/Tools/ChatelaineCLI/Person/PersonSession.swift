import ArgumentParser
import Cryptography
import Foundation

/// Which portal, where a person's commands go.
struct PortalLocation: ParsableArguments {
  static let portalVariable = "CHATELAINE_PORTAL"
  static let caFileVariable = "CHATELAINE_CA_FILE"

  @Option(
    help: """
      Address of the portal, such as https://keys.example.org; without it \(portalVariable) in the \
      environment, or where you are logged in.
      """)
  var portal: String?

  @Option(
    help: """
      PEM file of the authority that vouches for the portal, where the system doesn't know it; \
      \(caFileVariable) in the environment names it too.
      """)
  var caFile: String?

  /// The address that was named; nil when none was.
  func named() throws(CommandError) -> PortalAddress? {
    guard let text = portal ?? Self.variable(Self.portalVariable) else { return nil }
    return try PortalAddress(text)
  }

  /// An absolute path.
  var namedCAFile: String? {
    (caFile ?? Self.variable(Self.caFileVariable)).map { URL(fileURLWithPath: $0).path }
  }

  /// The portal, whether or not anybody is logged in there.
  func required() throws -> (address: PortalAddress, caFile: String?, login: StoredLogin?) {
    let login = try StoredLogin.read()
    guard let address = try named() ?? login?.portal else {
      throw CommandError("which portal? Name it: --portal https://keys.example.org")
    }
    let isSame = login?.portal == address
    return (address, namedCAFile ?? (isSame ? login?.caFile : nil), isSame ? login : nil)
  }

  static func variable(_ name: String) -> String? {
    guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else { return nil }
    return value
  }
}

/// Calls of a portal's API with a person's access token.
struct PersonSession: PortalSession {
  /// Used in place of the stored log-in.
  static let tokenVariable = "CHATELAINE_TOKEN"
  let connection: PortalConnection
  let caFile: String?
  private let token: SecretBytes

  var address: PortalAddress { connection.address }

  init(
    _ address: PortalAddress, caFile: String?, token: SecretBytes, command: String
  ) throws(CommandError) {
    connection = try PortalConnection(address, caFile: caFile, command: command)
    (self.caFile, self.token) = (caFile, token)
  }

  /// - Throws: `CommandError` when nobody is logged in, or elsewhere: a token is shown to no portal
  ///   but its own.
  init(_ location: PortalLocation, command: String) throws {
    let (address, caFile, login) = try location.required()
    if let text = PortalLocation.variable(Self.tokenVariable) {
      try self.init(address, caFile: caFile, token: SecretBytes(utf8: text), command: command)
      return
    }
    guard let login else {
      throw CommandError(
        "you are not logged in to \(address); do that with: chatelaine login --portal \(address)")
    }
    try self.init(address, caFile: caFile, token: login.token, command: command)
  }

  /// The JSON object of an answer.
  ///
  /// - Throws: `PortalProblem` for a refusal, `CommandError` when there is no answer.
  func call(
    _ method: String, _ path: String, _ body: [String: Any]?, headers: [String]
  ) throws -> [String: Any] {
    try connection.call(
      method, path, body,
      headers: headers + [token.withUTF8String { "Authorization: Bearer \($0)" }])
  }
}

/// Calls of a portal's API with some credential.
protocol PortalSession {
  /// The JSON object of an answer.
  ///
  /// - Throws: `PortalProblem` for a refusal, `CommandError` when there is no answer.
  func call(
    _ method: String, _ path: String, _ body: [String: Any]?, headers: [String]
  ) throws -> [String: Any]
}

extension PortalSession {
  func call(
    _ method: String, _ path: String, _ body: [String: Any]? = nil, headers: [String] = []
  ) throws -> [String: Any] {
    try call(method, path, body, headers: headers)
  }

  /// Hands `body` each page of a list until it wants no more.
  ///
  /// - Parameter path: with its query, if it has one.
  /// - Throws: `CommandError` for a list that doesn't end: whoever answers is no portal.
  func pages(
    _ path: String, size: Int = PortalPages.rows, _ body: ([String: Any]) throws -> Bool
  ) throws {
    var pageToken = ""
    let separator = path.contains("?") ? "&" : "?"
    for _ in 0..<PortalPages.countMax {
      let position = pageToken.isEmpty ? "" : "&pageToken=\(QueryText.encode(pageToken))"
      let page = try call("GET", "\(path)\(separator)pageSize=\(size)\(position)")
      guard try body(page) else { return }
      pageToken = page["nextPageToken"] as? String ?? ""
      guard !pageToken.isEmpty else { return }
    }
    throw CommandError("the portal's list has more than \(PortalPages.countMax) pages")
  }
}

/// How lists are read.
enum PortalPages {
  /// Of one page, where a command needs no fewer.
  static let rows = 200
  /// Pages of one list: ten million entries of a log at the most.
  static let countMax = 50_000
}
