package import HTTPTypes
package import Logging
package import NIOCore

/// One request on its way through the gateway, and what has been found out about it.
package struct Exchange: Sendable {
  package let request: Request
  package let target: RequestTarget
  /// The template's variables.
  package let variables: [PathTemplate.Variable]
  /// Where the request came from, for receipts and the log.
  package let origin: RequestOrigin
  package let log: AccessLog
  /// The way back to the client.
  package let stream: ServerStream

  package var requestID: String { origin.requestID }
  package var logger: Logger { log.logger }
  package var method: HTTPRequest.Method { request.method }
  package var headers: HTTPFields { request.headers }
  package var head: HTTPRequest { request.head }

  /// The value of a variable of the route's template; empty for a name that it doesn't have.
  package func variable(_ name: String) -> String {
    variables.first { $0.name == name }?.value ?? ""
  }

  /// The decoded query.
  package func parameters() throws(Problem) -> [(name: String, value: String)] {
    guard let parameters = target.parameters else {
      throw Problem(.badRequest, "the query has a malformed escape")
    }
    return parameters
  }

  /// Whether the request brings a body at all.
  package var hasBody: Bool { request.hasBody }

  /// The whole body; a larger one is refused, before it is read where it says so itself.
  package func body(bytesMax: Int) async throws(Problem) -> [UInt8] {
    Array(buffer: try await bodyBuffer(bytesMax: bytesMax))
  }

  /// The same in the buffer that it was read into.
  package func bodyBuffer(bytesMax: Int) async throws(Problem) -> ByteBuffer {
    guard hasBody else { return ByteBuffer() }
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > bytesMax {
      throw .tooLarge(limitBytes: bytesMax)
    }
    do {
      return try await request.body.collect(upTo: bytesMax)
    } catch is NIOTooManyBytesError {
      throw .tooLarge(limitBytes: bytesMax)
    } catch {
      throw Self.unreadableBody(error)
    }
  }

  /// What a client is told whose body ended early.
  package static func unreadableBody(_ error: any Error) -> Problem {
    guard error is RequestPaceError else {
      return Problem(
        .badRequest, "the body could not be read", headers: [.connection: "close"])
    }
    return Problem(
      .requestTimeout, "the body came too slowly", headers: [.connection: "close"])
  }

  /// Tells the client an interim answer, on the way to the final one; from any thread.
  package func tell(interim status: HTTPResponse.Status, _ fields: HTTPFields) {
    let interim = HTTPResponse(status: status, headerFields: fields)
    stream.onLoop { [stream] in stream.send(interim: interim) }
  }

  /// Refuses a body of another media type; parameters such as `charset` are let through.
  package func requireContentType(_ expected: String) throws(Problem) {
    let type = headers[.contentType, default: ""].split(
      atByte: ";", maxSplits: 1, omittingEmpty: false)[0]
    guard type.lowercasedASCII().trimmingBlanks().hasBytes(of: expected) else {
      throw Problem(.unsupportedMediaType, "the body must be \(expected)")
    }
  }
}

extension HTTPFields {
  package subscript(name: HTTPField.Name, default fallback: String) -> String {
    self[name] ?? fallback
  }
}
