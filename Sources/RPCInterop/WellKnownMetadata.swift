/// What a server echoes when it comes with a request.
enum EchoedMetadata {
  static let initialKey = "x-grpc-test-echo-initial"
  static let trailingKey = "x-grpc-test-echo-trailing-bin"
}

/// How an answer says that a proxy may keep it.
enum CacheControl {
  static let key = "cache-control"
  static let value = "max-age=60, public"
}
