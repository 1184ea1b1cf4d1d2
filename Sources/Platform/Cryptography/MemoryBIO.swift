internal import COpenSSL

/// OpenSSL's stream over memory, for reading and writing PEM text; freeing it wipes what was
/// written.
struct MemoryBIO: ~Copyable {
  let pointer: OpaquePointer

  /// An empty stream to write to.
  init?() {
    guard let pointer = BIO_new(BIO_s_mem()) else { return nil }
    self.pointer = pointer
  }

  /// Reads from `bytes`, which must outlive the stream.
  init?(reading bytes: UnsafeRawBufferPointer) {
    guard let count = Int32(exactly: bytes.count),
      let pointer = BIO_new_mem_buf(bytes.baseAddress, count)
    else { return nil }
    self.pointer = pointer
  }

  deinit {
    BIO_free(pointer)
  }

  /// Copies what was written.
  func contents() -> SecretBytes? {
    var start: UnsafeMutablePointer<UInt8>?
    let count = BIO_ctrl(pointer, BIO_CTRL_INFO, 0, &start)
    guard count >= 0, let start else { return nil }
    return SecretBytes(copying: UnsafeRawBufferPointer(start: start, count: count))
  }
}
