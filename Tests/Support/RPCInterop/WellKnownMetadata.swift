/// What a server echoes when it comes with a request, and what the case `custom_metadata` sends.
enum EchoedMetadata {
  static let initialKey = "x-grpc-test-echo-initial"
  static let initialValue = "test_initial_metadata_value"
  static let trailingKey = "x-grpc-test-echo-trailing-bin"
  static let trailingValue: [UInt8] = [0xAB, 0xAB, 0xAB]
}

/// How an answer says that a proxy may keep it.
enum CacheControl {
  static let key = "cache-control"
  static let value = "max-age=60, public"
}
