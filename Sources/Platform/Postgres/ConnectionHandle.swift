import CLibPQ
import Cryptography
import Glibc

/// Owns one libpq connection; nothing else calls libpq's connection functions.
///
/// libpq allows one thread at a time: the connecting thread makes it and hands it over for good to
/// the event loop (or the migrator's thread) that uses it.
final class ConnectionHandle: @unchecked Sendable {
  private let connection: OpaquePointer

  /// Takes over the connection; `PQfinish` is this object's job.
  init(owning connection: OpaquePointer) {
    self.connection = connection
    // The default prints the server's notices to stderr.
    PQsetNoticeProcessor(connection, { _, _ in }, nil)
  }

  deinit { PQfinish(connection) }

  var isOpen: Bool { PQstatus(connection) == CONNECTION_OK }
  var socket: Int32 { PQsocket(connection) }
  var isIdleInTransaction: Bool { PQtransactionStatus(connection) == PQTRANS_INTRANS }

  /// libpq's last error, in one line. Only for failures to connect: there it holds no value.
  var connectFailure: String {
    guard let text = PQerrorMessage(connection) else { return "" }
    return String(cString: text).split(whereSeparator: \.isNewline).joined(separator: "; ")
  }

  /// From here on no call blocks.
  func makeNonBlocking() -> Bool { PQsetnonblocking(connection, 1) == 0 }
  func enterPipelineMode() -> Bool { PQenterPipelineMode(connection) == 1 }

  /// What asks the server to end the statement that it works on; nil when there is no memory.
  func makeCancelRequest() -> CancelRequest? { PQgetCancel(connection).map { CancelRequest($0) } }

  /// Cuts the connection so that `PQfinish` has nobody to say goodbye to.
  func abort() { _ = shutdown(socket, Int32(SHUT_RDWR)) }

  /// A SCRAM-SHA-256 verifier with a salt of its own; nil when libpq refuses the password.
  func verifier(ofPassword password: SecretBytes, role: String) -> String? {
    let terminated = SecretBytes(count: password.count + 1) { buffer in
      password.withUnsafeBytes { buffer.copyMemory(from: $0) }
    }
    let text = terminated.withUnsafeBytes { bytes in
      PQencryptPasswordConn(
        connection, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), role, "scram-sha-256")
    }
    guard let text else { return nil }
    defer { PQfreemem(text) }
    return String(cString: text)
  }

  // MARK: Receiving

  /// Takes what the socket has; false when the connection is lost.
  func consumeInput() -> Bool {
    guard PQconsumeInput(connection) == 1 else { return false }
    // OpenSSL may hold the rest of a record of up to 16 KiB that the socket no longer reports.
    // libpq offers at least 8 KiB of space a call, so a second call gets all of it.
    guard PQsslInUse(connection) == 1 else { return true }
    return PQconsumeInput(connection) == 1
  }

  /// Whether `nextResult` would have to wait.
  var isBusy: Bool { PQisBusy(connection) == 1 }

  /// What the statement at the head of the queue answered; nil ends its answers.
  func nextResult() -> OpaquePointer? { PQgetResult(connection) }

  // MARK: Sending

  enum FlushOutcome { case done, pending, failed }

  func flush() -> FlushOutcome {
    switch PQflush(connection) {
    case 0: .done
    case 1: .pending
    default: .failed
    }
  }

  /// Ends a group of statements: an error before it ends there. Also flushes.
  func sync() -> Bool { PQpipelineSync(connection) == 1 }

  /// Statements without parameters; outside pipeline mode also several at once.
  func send(text sql: String) -> Bool { PQsendQuery(connection, sql) == 1 }

  func prepare(_ name: String, _ query: PostgresQuery) -> Bool {
    query.parameters.types.withUnsafeBufferPointer {
      PQsendPrepare(connection, name, query.sql, Int32($0.count), $0.baseAddress) == 1
    }
  }

  func send(prepared name: String, _ parameters: PostgresParameters) -> Bool {
    parameters.withPointers { values, lengths, formats, count in
      PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1) == 1
    }
  }

  /// The unnamed statement: parsed anew each time.
  func send(_ query: PostgresQuery) -> Bool {
    query.parameters.types.withUnsafeBufferPointer { types in
      query.parameters.withPointers { values, lengths, formats, count in
        PQsendQueryParams(
          connection, query.sql, count, types.baseAddress, values, lengths, formats, 1) == 1
      }
    }
  }
}

/// Asks a server to end what a connection of ours has it work on.
///
/// libpq sends this on a connection of its own, in clear text even where the other one is
/// encrypted: whoever reads it can end statements of that connection, no more.
final class CancelRequest: @unchecked Sendable {
  // Sendable because libpq allows this from any thread.
  private let request: OpaquePointer

  fileprivate init(_ request: OpaquePointer) {
    self.request = request
  }

  deinit { PQfreeCancel(request) }

  /// Blocks for as long as connecting takes.
  func send() {
    var reason = [CChar](repeating: 0, count: 256)
    // Whether it worked shows on the connection itself.
    _ = PQcancel(request, &reason, Int32(reason.count))
  }
}

extension PostgresParameters {
  typealias ValuePointers = UnsafePointer<UnsafePointer<CChar>?>

  /// Lends the values in the form that libpq takes: NULL is a null pointer, everything is binary.
  fileprivate func withPointers(
    _ body: (ValuePointers?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int32) -> Bool
  ) -> Bool {
    guard count > 0 else { return body(nil, nil, nil, 0) }
    return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) {
      values in
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
        buffer.bytes.withUnsafeBytes { bytes in
          var start = 0
          for (index, end) in ends.enumerated() {
            let isNull = end < 0
            // An empty buffer has no address, and a null pointer would mean NULL.
            let address = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) ?? Self.empty
            values.initializeElement(at: index, to: isNull ? nil : address + start)
            numbers.initializeElement(
              at: index, to: isNull ? 0 : Int32(truncatingIfNeeded: end - start))
            numbers.initializeElement(at: count + index, to: 1)
            if !isNull { start = end }
          }
          guard let values = values.baseAddress, let numbers = numbers.baseAddress else {
            return false
          }
          return body(values, numbers, numbers + count, Int32(truncatingIfNeeded: count))
        }
      }
    }
  }

  /// Never read, only pointed to.
  private nonisolated(unsafe) static let empty = UnsafePointer(
    UnsafeMutablePointer<CChar>.allocate(capacity: 1))
}
