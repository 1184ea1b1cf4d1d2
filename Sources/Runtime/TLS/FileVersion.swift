import Glibc

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
