package import Glibc

/// Files that are replaced as a whole: a reader, and whoever looks after a crash, finds the old one
/// or the new one.
package enum AtomicFile {
  /// For secrets.
  package static let modeForOwner: mode_t = 0o600
  /// For what everybody may read.
  package static let modeForAll: mode_t = 0o644

  /// Whose a file or directory becomes.
  package struct Owner: Sendable, Hashable {
    package let userID: uid_t
    package let groupID: gid_t

    package init(userID: uid_t, groupID: gid_t) {
      self.userID = userID
      self.groupID = groupID
    }
  }

  /// Writes `bytes` beside `path` with its final mode from the first moment on, has them reach the
  /// disk, and renames: then the name has reached the disk too.
  package static func write(
    _ bytes: UnsafeRawBufferPointer, to path: String, mode: mode_t = modeForOwner,
    owner: Owner? = nil
  ) throws(FileError) {
    let temporary = "\(path).\(getpid()).new"
    // Left behind by a crashed process with our id, if at all.
    unlink(temporary)
    do throws(FileError) {
      let file = try FileDescriptor(
        path: temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
      try file.write(bytes)
      // fchmod: the process's umask may have taken bits away.
      if let owner, fchown(file.number, owner.userID, owner.groupID) != 0 {
        throw FileError(path: path)
      }
      guard fchmod(file.number, mode) == 0, fsync(file.number) == 0,
        rename(temporary, path) == 0
      else { throw FileError(path: path) }
    } catch {
      unlink(temporary)
      throw FileError(path: path, reason: error.reason)
    }
    try synchronize(directoryOf: path)
  }

  package static func write(
    _ bytes: [UInt8], to path: String, mode: mode_t = modeForOwner, owner: Owner? = nil
  ) throws(FileError) {
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(FileError) in try write(bytes, to: path, mode: mode, owner: owner) }
    }
    try result.get()
  }

  /// Creates a directory, or checks an existing one, and sets its mode.
  package static func makeDirectory(_ path: String, mode: mode_t = 0o700) throws(FileError) {
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw FileError(path: path) }
    var status = stat()
    guard lstat(path, &status) == 0 else { throw FileError(path: path) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw FileError(path: path, reason: "is not a directory")
    }
    guard chmod(path, mode) == 0 else { throw FileError(path: path) }
  }

  /// Gives a file or directory to `owner` with `mode`; says whether it was otherwise before. It
  /// must not be a symbolic link.
  @discardableResult
  package static func hand(
    _ path: String, to owner: Owner, mode: mode_t
  ) throws(FileError) -> Bool {
    let file = try FileDescriptor(path: path, flags: O_RDONLY | O_NOFOLLOW)
    var status = stat()
    guard fstat(file.number, &status) == 0 else { throw FileError(path: path) }
    if status.st_uid == owner.userID, status.st_gid == owner.groupID,
      status.st_mode & 0o7777 == mode
    {
      return false
    }
    guard fchown(file.number, owner.userID, owner.groupID) == 0, fchmod(file.number, mode) == 0
    else { throw FileError(path: path) }
    return true
  }

  /// Has what was done to the names in a file's directory reach the disk.
  package static func synchronize(directoryOf path: String) throws(FileError) {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let directory = try FileDescriptor(path: parent, flags: O_RDONLY | O_DIRECTORY)
    // Some file systems have nothing to synchronise of a directory and say so.
    guard fsync(directory.number) == 0 || errno == EINVAL else { throw FileError(path: parent) }
  }
}
