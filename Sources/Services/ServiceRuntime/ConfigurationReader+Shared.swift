/// Settings that several services read and must read alike.
extension ConfigurationReader {
  /// `SESSION_MAX_AGE`: how long a session lives, however much it is used.
  package mutating func sessionMaxAge() -> Duration {
    duration(
      "SESSION_MAX_AGE", default: .seconds(30 * 86_400),
      in: .seconds(300)...(.seconds(400 * 86_400)),
      doc: "How long a session lives, however much it is used: seconds, or e.g. 12h, 30d.")
  }
}
