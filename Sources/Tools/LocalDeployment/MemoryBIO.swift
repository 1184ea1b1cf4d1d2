internal import COpenSSL

/// OpenSSL's growing buffer, which its PEM functions read and write.
final class MemoryBIO {
  let handle: OpaquePointer

  init(_ bytes: [UInt8] = []) throws {
    guard let handle = BIO_new(BIO_s_mem()) else { throw X509Certificate.failure("out of memory") }
    self.handle = handle
    let count = Int32(clamping: bytes.count)
    guard bytes.isEmpty || BIO_write(handle, bytes, count) == count else {
      throw X509Certificate.failure("out of memory")
    }
  }

  deinit { BIO_free(handle) }

  var bytes: [UInt8] {
    var start: UnsafeMutablePointer<CChar>?
    let count = copenssl_memory_bio_data(handle, &start)
    guard let start, count > 0 else { return [] }
    return UnsafeRawBufferPointer(start: start, count: count).map { $0 }
  }
}
