import COpenSSL
import Glibc
import OpenSSL
import Synchronization

/// The current context of one role: new connections take it, a reload replaces it.
///
/// Connections that are open keep the context they started with.
package final class TLSCredentials: Sendable {
  /// Certificates that are remembered: those of connections that may still be open.
  private static let digestsMax = 4

  private struct State {
    var context: TLSContext
    var digests: [[UInt8]]
    /// The files that were last read, whether they could be used or not.
    var seen: [FileVersion?]
  }

  private let role: TLSContext.Role
  private let configuration: TLSConfiguration
  private let state: Mutex<State>

  package init(_ role: TLSContext.Role, _ configuration: TLSConfiguration) throws(TLSError) {
    self.role = role
    self.configuration = configuration
    // Before the files are read: whatever changes meanwhile counts as a change.
    let seen = configuration.fileVersions
    let context = try TLSContext(role, configuration)
    state = Mutex(State(context: context, digests: [context.certificateDigest], seen: seen))
  }

  /// SHA-256 of the certificates that this end shows or has lately shown, the current one first.
  package var certificateDigests: [[UInt8]] { state.withLock(\.digests) }

  package var current: TLSContext {
    state.withLock(\.context)
  }

  /// Reads the files again; on failure the old context stays.
  package func reload() throws(TLSError) {
    try reload(configuration.fileVersions)
  }

  /// Does so if the files are others than those last read, successfully or not; says whether there
  /// is a new context.
  package func reloadIfChanged() throws(TLSError) -> Bool {
    let versions = configuration.fileVersions
    guard state.withLock({ $0.seen != versions }) else { return false }
    try reload(versions)
    return true
  }

  private func reload(_ versions: [FileVersion?]) throws(TLSError) {
    state.withLock { $0.seen = versions }
    let fresh = try TLSContext(role, configuration)
    let digest = fresh.certificateDigest
    state.withLock { state in
      state.context = fresh
      let former = state.digests.filter { $0 != digest }
      state.digests = [digest] + former.prefix(Self.digestsMax - 1)
    }
  }
}

extension TLSConfiguration {
  fileprivate var fileVersions: [FileVersion?] {
    let files =
      isForWeb
      ? [certificateFile, privateKeyFile]
      : [certificateFile, privateKeyFile, certificateAuthorityFile]
    return files.map { FileVersion(path: $0) }
  }
}

/// Loads certificate, key and authority, and says plainly which file is wrong and how.
struct CertificateFiles {
  private let configuration: TLSConfiguration

  init(_ configuration: TLSConfiguration) {
    self.configuration = configuration
  }

  func load(into context: OpaquePointer) throws(TLSError) {
    try loadCertificate(into: context)
    try loadKey(into: context)
    if !configuration.isForWeb { try loadAuthority(into: context) }
  }

  private func loadCertificate(into context: OpaquePointer) throws(TLSError) {
    let path = configuration.certificateFile
    try checkReadable(path)
    ErrorQueue.clear()
    guard SSL_CTX_use_certificate_chain_file(context, path) == 1 else {
      throw .fileMalformed(path: path, reason: "no PEM certificate (\(ErrorQueue.takeReason()))")
    }
    let certificate = SSL_CTX_get0_certificate(context)
    // The comparison gives 0 for a malformed time, which is no valid certificate either.
    if X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0 {
      throw .certificateExpired(path: path)
    }
    if X509_cmp_current_time(X509_get0_notBefore(certificate)) >= 0 {
      throw .certificateNotYetValid(path: path)
    }
  }

  private func loadKey(into context: OpaquePointer) throws(TLSError) {
    let path = configuration.privateKeyFile
    try checkReadable(path)
    ErrorQueue.clear()
    guard let file = BIO_new_file(path, "r") else { throw .fileUnreadable(path: path) }
    defer { BIO_free(file) }
    guard let key = PEM_read_bio_PrivateKey(file, nil, { _, _, _, _ in -1 }, nil) else {
      throw .fileMalformed(
        path: path, reason: "no unencrypted PEM private key (\(ErrorQueue.takeReason()))")
    }
    defer { EVP_PKEY_free(key) }
    guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1 else {
      ErrorQueue.clear()
      throw .keyDoesNotMatch(certificate: configuration.certificateFile, key: path)
    }
  }

  private func loadAuthority(into context: OpaquePointer) throws(TLSError) {
    let path = configuration.certificateAuthorityFile
    try checkReadable(path)
    ErrorQueue.clear()
    guard SSL_CTX_load_verify_file(context, path) == 1 else {
      throw .fileMalformed(path: path, reason: "no PEM certificate (\(ErrorQueue.takeReason()))")
    }
  }

  /// OpenSSL reports a missing file in the same words as a malformed one.
  private func checkReadable(_ path: String) throws(TLSError) {
    ErrorQueue.clear()
    guard let file = BIO_new_file(path, "r") else {
      ErrorQueue.clear()
      throw .fileUnreadable(path: path)
    }
    BIO_free(file)
  }
}

/// Which of a file's states is on disk, as far as its attributes tell.
///
/// Symbolic links are followed: a link that leads elsewhere is another version.
struct FileVersion: Hashable {
  private let device: dev_t
  private let inode: ino_t
  private let byteCount: off_t
  private let modified: [Int]
  /// Also changes when another file of the same age and length is moved here.
  private let changed: [Int]

  /// Nil when there is no file.
  init?(path: String) {
    var attributes = stat()
    guard stat(path, &attributes) == 0 else { return nil }
    device = attributes.st_dev
    inode = attributes.st_ino
    byteCount = attributes.st_size
    modified = [attributes.st_mtim.tv_sec, attributes.st_mtim.tv_nsec]
    changed = [attributes.st_ctim.tv_sec, attributes.st_ctim.tv_nsec]
  }
}
