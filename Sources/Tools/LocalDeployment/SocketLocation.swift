/// Where a cluster's Unix socket lives, derived from the cluster's directory alone.
struct SocketLocation: Sendable {
  /// `sun_path` holds 108 bytes with its terminator (unix(7)).
  static let pathBytesMax = 107

  let directory: String
  let port: Int

  init(clusterDirectory: String) {
    // FNV-1a: must only be the same in every run; a collision costs nothing but a clear error.
    let hash = clusterDirectory.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    port = 49_152 + Int(hash % 16_000)
    let beside = clusterDirectory + "/socket"
    let isShort = "\(beside)/.s.PGSQL.\(port)".utf8.count <= Self.pathBytesMax
    // Commas and quotes separate directories in PostgreSQL's setting and hosts in libpq's URL.
    let isPlain = !beside.contains { ",'\"\\".contains($0) }
    directory = isShort && isPlain ? beside : "/tmp/chatelaine-" + String(hash, radix: 16)
  }
}
