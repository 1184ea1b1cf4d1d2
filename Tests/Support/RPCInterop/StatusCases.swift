import RPC

/// What comes beside the messages: status and metadata.
extension InteropCases {
  private static let specialMessage =
    "\t\ntest with whitespace\r\nand Unicode BMP \u{263A} and non-BMP \u{1F608}\t\n"

  package func statusCodeAndMessage() async throws {
    let status = TestingAPI.EchoStatus(
      code: Int32(RPCError.Code.unknown.rawValue), message: "test status message")
    try await expectFailure(.unknown, status.message) {
      _ = try await client.unaryCall(.init(responseStatus: status), options: options())
    }
    try await expectFailure(.unknown, status.message) {
      try await client.fullDuplexCall(options: options()) { requests, responses in
        try await requests.write(.init(responseStatus: status))
        requests.finish()
        try await responses.expectEnd()
      }
    }
  }

  package func specialStatusMessage() async throws {
    let status = TestingAPI.EchoStatus(
      code: Int32(RPCError.Code.unknown.rawValue), message: Self.specialMessage)
    try await expectFailure(.unknown, status.message) {
      _ = try await client.unaryCall(.init(responseStatus: status), options: options())
    }
  }

  package func customMetadata() async throws {
    var metadata = try Metadata([(EchoedMetadata.initialKey, EchoedMetadata.initialValue)])
    try metadata.append(EchoedMetadata.trailingValue, forKey: EchoedMetadata.trailingKey)

    let (response, answer) = try await unaryAnswer(
      TestingAPI.TestServiceMethods.unaryCall, largeRequest, options: options(metadata: metadata))
    try expect(response.payload, has: Self.largeResponseBytes)
    try expectEcho(answer.metadata, answer.trailers)

    try await client.fullDuplexCall(
      options: options(metadata: metadata)
    ) { requests, responses in
      try await requests.write(.init(Self.largeRequestBytes, wanting: Self.largeResponseBytes))
      requests.finish()
      try await responses.expectNext(has: Self.largeResponseBytes)
      try await responses.expectEnd()
      try expectEcho(try await responses.metadata, responses.trailers)
    }
  }

  private func expectEcho(_ initial: Metadata, _ trailing: Metadata) throws {
    try expect(
      "the initial metadata", initial[EchoedMetadata.initialKey],
      is: EchoedMetadata.initialValue)
    try expect(
      "the trailing metadata", trailing.bytes(EchoedMetadata.trailingKey),
      is: EchoedMetadata.trailingValue)
  }
}
