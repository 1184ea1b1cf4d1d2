import HTTPTypes
import Hummingbird
import HummingbirdCore
import Identity
import Logging
import NIOCore

/// One request on its way through the gateway, and what has been found out about it.
struct Exchange: Sendable {
  let request: Request
  let target: RequestTarget
  /// The template's variables.
  let variables: [PathTemplate.Variable]
  /// Where the request came from, for receipts and the log.
  let origin: CallOrigin
  let log: AccessLog
  let channel: any Channel

  var requestID: String { origin.requestID }
  var logger: Logger { log.logger }
  var method: HTTPRequest.Method { request.method }
  var headers: HTTPFields { request.headers }
  var head: HTTPRequest { request.head }

  /// The value of a variable of the route's template; empty for a name that it doesn't have.
  func variable(_ name: String) -> String {
    variables.first { $0.name == name }?.value ?? ""
  }

  /// The decoded query.
  func parameters() throws(Problem) -> [(name: String, value: String)] {
    guard let parameters = target.parameters else {
      throw Problem(.badRequest, "the query has a malformed escape")
    }
    return parameters
  }

  /// Whether the request brings a body at all.
  var hasBody: Bool {
    if let length = headers[.contentLength] { return length != "0" }
    return headers[.transferEncoding] != nil
  }

  /// The whole body; a larger one is refused, before it is read where it says so itself.
  func body(bytesMax: Int) async throws(Problem) -> [UInt8] {
    guard hasBody else { return [] }
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > bytesMax {
      throw .tooLarge(limitBytes: bytesMax)
    }
    do {
      return Array(buffer: try await request.body.collect(upTo: bytesMax))
    } catch is NIOTooManyBytesError {
      throw .tooLarge(limitBytes: bytesMax)
    } catch {
      throw Self.unreadableBody(error)
    }
  }

  /// What a client is told whose body ended early.
  static func unreadableBody(_ error: any Error) -> Problem {
    guard error is RequestPaceError else {
      return Problem(.badRequest, "the body could not be read")
    }
    return Problem(
      .requestTimeout, "the body came too slowly", headers: [.connection: "close"])
  }

  /// Refuses a body of another media type; parameters such as `charset` are let through.
  func requireContentType(_ expected: String) throws(Problem) {
    let type = headers[.contentType, default: ""].split(
      atByte: ";", maxSplits: 1, omittingEmpty: false)[0]
    guard type.lowercasedASCII().trimmingBlanks().hasBytes(of: expected) else {
      throw Problem(.unsupportedMediaType, "the body must be \(expected)")
    }
  }
}

extension HTTPFields {
  subscript(name: HTTPField.Name, default fallback: String) -> String {
    self[name] ?? fallback
  }
}
