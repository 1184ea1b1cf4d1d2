import Foundation

extension ClusterAccount {
  /// Creates the socket's directory with mode 0700 for the account.
  ///
  /// It may lie in /tmp, where anybody can put something in its place first: what is there must be
  /// a real directory of the account, and nobody else's, or the start fails.
  func prepareSocketDirectory(_ path: String) throws {
    if mkdir(path, 0o700) == 0 {
      try own(path)
    } else if errno != EEXIST {
      throw SecretFile.failure(path)
    }
    var status = stat()
    guard lstat(path, &status) == 0 else { throw SecretFile.failure(path) }
    guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == userID,
      status.st_mode & 0o777 == 0o700
    else {
      throw DeploymentError.file(
        path: path, reason: "is not a directory with mode 0700 that belongs to user \(userID)")
    }
  }
}
