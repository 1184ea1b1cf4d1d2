import COpenSSL
import NIOCore

/// The BIO by which OpenSSL reads and writes a connection's ciphertext: straight from and into the
/// connection's buffers, so that nothing is copied twice and a silent connection keeps no buffers.
enum RecordPipe {
  // Safe because it never changes once made. Kept for ever, as OpenSSL keeps its own methods.
  private nonisolated(unsafe) static let method = makeMethod()

  /// "Try again when there is more to read."
  private static let waitFlags = BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY

  private static func makeMethod() -> OpaquePointer? {
    guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "records") else {
      return nil
    }
    BIO_meth_set_create(method) { pipe in
      BIO_set_init(pipe, 1)
      return 1
    }
    BIO_meth_set_read(method) { pipe, room, count in RecordPipe.read(pipe, room, count) }
    BIO_meth_set_write(method) { pipe, start, count in RecordPipe.write(pipe, start, count) }
    // Written bytes are where they should be; no other request means anything here.
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return method
  }

  static func make() -> OpaquePointer? {
    method.flatMap { BIO_new($0) }
  }

  /// The connection must outlive the pipe's last use.
  static func connect(_ pipe: OpaquePointer, to connection: TLSConnection) {
    BIO_set_data(pipe, Unmanaged.passUnretained(connection).toOpaque())
  }

  static func connection(of pipe: OpaquePointer?) -> TLSConnection? {
    BIO_get_data(pipe).map { Unmanaged<TLSConnection>.fromOpaque($0).takeUnretainedValue() }
  }

  private static func read(
    _ pipe: OpaquePointer?, _ room: UnsafeMutablePointer<CChar>?, _ count: CInt
  ) -> CInt {
    BIO_clear_flags(pipe, waitFlags)
    guard let connection = connection(of: pipe), let room, count > 0 else { return -1 }
    let taken = min(Int(count), connection.incoming.readableBytes)
    guard taken > 0 else {
      // More may come later; this is not the end.
      BIO_set_flags(pipe, waitFlags)
      return -1
    }
    connection.incoming.readWithUnsafeReadableBytes { bytes in
      UnsafeMutableRawBufferPointer(start: room, count: taken)
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<taken]))
      return taken
    }
    return CInt(taken)
  }

  private static func write(
    _ pipe: OpaquePointer?, _ start: UnsafePointer<CChar>?, _ count: CInt
  ) -> CInt {
    BIO_clear_flags(pipe, waitFlags)
    guard let connection = connection(of: pipe), let start, count > 0 else { return -1 }
    connection.outgoing.writeBytes(UnsafeRawBufferPointer(start: start, count: Int(count)))
    return count
  }
}
