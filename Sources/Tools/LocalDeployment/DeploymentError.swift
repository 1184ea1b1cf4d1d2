/// Why the local deployment could not do what it was asked; the text is written for the operator.
package enum DeploymentError: Error, Equatable, CustomStringConvertible {
  /// A file or directory could not be read, written or created.
  case file(path: String, reason: String)
  /// A program that the deployment needs is not installed.
  case missingProgram(name: String, package: String)
  /// A program ran and failed; `output` is the end of what it printed.
  case programFailed(name: String, exit: String, output: String)
  /// Somebody else runs on this state directory.
  case inUse(path: String)
  /// The surroundings do not allow what is needed: privileges, parents of a directory, ports.
  case environment(String)
  /// A service or the cluster was not ready in time, or ended while starting.
  case notReady(name: String, reason: String)
  /// OpenSSL refused to make or read a certificate.
  case certificate(String)
  /// The database server refused something or can't be reached.
  case database(String)
  /// A backup can't be used; nothing of it was kept.
  case backup(BackupProblem)

  package var description: String {
    switch self {
    case .file(let path, let reason): "\(path): \(reason)"
    case .missingProgram(let name, let package):
      "\(name) is not installed; on Debian: apt-get install \(package)"
    case .programFailed(let name, let exit, let output):
      "\(name) failed (\(exit))" + (output.isEmpty ? "" : ": \(output)")
    case .inUse(let path):
      "\(path) is in use by another running deployment; chatelaine status says which"
    case .environment(let reason): reason
    case .notReady(let name, let reason): "\(name) did not become ready: \(reason)"
    case .certificate(let reason): "certificate: \(reason)"
    case .database(let reason): "database: \(reason)"
    case .backup(let problem): "\(problem); nothing was restored"
    }
  }
}
