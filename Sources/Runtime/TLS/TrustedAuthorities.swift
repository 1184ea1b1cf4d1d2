import COpenSSL
import Glibc
import OpenSSL

/// Who vouches for the certificates of servers on the web.
package struct TrustedAuthorities: Sendable, Hashable {
  /// Where distributions keep the authorities in one file, for systems on which OpenSSL's own
  /// default leads nowhere.
  private static let bundleFiles = [
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
  ]

  /// Whether this machine's authorities count: those of `SSL_CERT_FILE` and `SSL_CERT_DIR` where
  /// they are set, else the distribution's.
  package var includesSystem: Bool
  /// A PEM file with further authorities, such as an organisation's own.
  package var additionalFile: String?

  package init(includesSystem: Bool = true, additionalFile: String? = nil) {
    self.includesSystem = includesSystem
    self.additionalFile = additionalFile
  }

  /// Whether anybody vouches for anything.
  package var isEmpty: Bool {
    additionalFile == nil && (!includesSystem || Self.systemSource == .none)
  }

  func load(into context: OpaquePointer) throws(TLSError) {
    ErrorQueue.clear()
    if includesSystem {
      switch Self.systemSource {
      case .openSSL: SSL_CTX_set_default_verify_paths(context)
      case .file(let path): SSL_CTX_load_verify_file(context, path)
      case .none: break
      }
    }
    guard let additionalFile else { return ErrorQueue.clear() }
    guard access(additionalFile, R_OK) == 0 else { throw .fileUnreadable(path: additionalFile) }
    ErrorQueue.clear()
    guard SSL_CTX_load_verify_file(context, additionalFile) == 1 else {
      throw .fileMalformed(
        path: additionalFile, reason: "no PEM certificate (\(ErrorQueue.takeReason()))")
    }
  }

  private enum Source: Equatable {
    /// Its environment variables, or the places it was built with.
    case openSSL
    case file(String)
    case none
  }

  private static var systemSource: Source {
    let variables = [X509_get_default_cert_file_env(), X509_get_default_cert_dir_env()]
    if variables.contains(where: { $0.flatMap { getenv($0) } != nil }) { return .openSSL }
    let isThere = X509_get_default_cert_file().map { access($0, R_OK) == 0 } ?? false
    if isThere || hasEntries(X509_get_default_cert_dir()) { return .openSSL }
    return bundleFiles.first { access($0, R_OK) == 0 }.map { .file($0) } ?? .none
  }

  private static func hasEntries(_ path: UnsafePointer<CChar>?) -> Bool {
    guard let path, let directory = opendir(path) else { return false }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      // Not `.` and `..`.
      if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { return true }
    }
    return false
  }
}
