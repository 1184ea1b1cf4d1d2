import NIOCore
import RPC
import RPCTransport
import TestSupport
import Testing

@Suite struct UnaryCallTests {
  @Test func aMessageComesBack() async throws {
    try await withServer { (_, client) async throws in
      #expect(try await client.call("Echo", "hello") == "hello")
      #expect(try await client.call("Echo", "") == "")
    }
  }

  @Test func aMessageComesBackOverMutualTLS() async throws {
    let certificates = try TestCertificates()
    let server = try await TestServer(tls: certificates.paths("vault"))
    let client = server.client(
      tls: try certificates.paths("gateway"), identity: "spiffe://chatelaine/vault")
    #expect(try await client.call("Echo", "hello") == "hello")
    await client.close()
    await server.stop()
  }

  @Test func theLargestMessageFitsBothWaysOverTLS() async throws {
    let certificates = try TestCertificates()
    let server = try await TestServer(tls: certificates.paths("vault"))
    let client = server.client(
      tls: try certificates.paths("gateway"), identity: "spiffe://chatelaine/vault")
    let text = String(repeating: "0123456789abcdef", count: (4 << 20) / 16)
    #expect(try await client.call("Echo", text) == text)
    await client.close()
    await server.stop()
  }

  @Test func manyLargeMessagesShareAConnection() async throws {
    try await withServer { (_, client) async throws in
      let text = String(repeating: "x", count: 1 << 20)
      let lengths = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<48 {
          group.addTask { try await client.call("Echo", text).utf8.count }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(lengths == Array(repeating: 1 << 20, count: 48))
    }
  }

  @Test func aRequestOverTheLimitIsRefused() async throws {
    try await withServer(configure: { $0.messageBytesMax = 1000 }) { (_, client) async throws in
      let error = await failure { () async throws(RPCError) in
        try await client.call("Echo", String(repeating: "x", count: 100_000))
      }
      #expect(error?.code == .resourceExhausted)
      #expect(try await client.call("Echo", String(repeating: "x", count: 1000)).count == 1000)
    }
  }

  @Test func aResponseOverTheLimitIsRefused() async throws {
    try await withServer(configureClient: { $0.messageBytesMax = 1000 }) {
      (_, client) async throws in
      let error = await failure { () async throws(RPCError) in
        try await client.call("Echo", String(repeating: "x", count: 1001))
      }
      #expect(error?.code == .resourceExhausted)
      #expect(try await client.call("Echo", "still here") == "still here")
    }
  }

  @Test func callsRunAtTheSameTime() async throws {
    let everybodyIsHere = Barrier(count: 100)
    let service = TestService(handlers: [
      "Meet": { request, _ in
        await everybodyIsHere.arrive()
        return request
      }
    ])
    try await withServer(service) { (_, client) async throws in
      let sum = try await withThrowingTaskGroup(of: Int.self) { group in
        for index in 0..<100 {
          group.addTask { Int(try await client.call("Meet", "\(index)")) ?? 0 }
        }
        return try await group.reduce(0, +)
      }
      #expect(sum == 4950)
    }
  }

  @Test func moreCallsThanStreamsWaitTheirTurn() async throws {
    try await withServer(configure: { $0.concurrentStreamsMax = 4 }) { (_, client) async throws in
      let sum = try await withThrowingTaskGroup(of: Int.self) { group in
        for index in 0..<500 {
          group.addTask { Int(try await client.call("Echo", "\(index)")) ?? 0 }
        }
        return try await group.reduce(0, +)
      }
      #expect(sum == 124_750)
    }
  }

  @Test func anUnknownMethodIsUnimplemented() async throws {
    try await withServer { (_, client) async throws in
      let method = await failure { () async throws(RPCError) in try await client.call("Nothing") }
      #expect(method?.code == .unimplemented)
      #expect(method?.message == "unknown method Nothing of service test.Service")
      let service = await failure { () async throws(RPCError) in
        try await client.unary(
          MethodDescriptor(service: "no.Service", method: "Echo", shape: .unary),
          request: ByteBuffer(), options: CallOptions())
      }
      #expect(service?.code == .unimplemented)
    }
  }

  @Test func metadataTravelsBothWays() async throws {
    let service = TestService(handlers: [
      "Mirror": { request, context in
        context.response.initial = context.metadata
        var trailing = Metadata()
        try trailing.append([0, 255, 10, 13], forKey: "tail-bin")
        context.response.trailing = trailing
        return request
      }
    ])
    try await withServer(service) { (_, client) async throws in
      var options = CallOptions()
      try options.metadata.append("a value, with a comma", forKey: "name")
      try options.metadata.append("second", forKey: "name")
      try options.metadata.append(Array(0...255), forKey: "bytes-bin")
      try options.metadata.append([], forKey: "empty-bin")
      let answer = try await client.unary(
        TestService.method("Mirror"), request: ByteBuffer(), options: options)
      #expect(answer.metadata.entries == options.metadata.entries)
      #expect(answer.trailers.bytes("tail-bin") == [0, 255, 10, 13])
    }
  }

  @Test func statusMessageAndDetailsReachTheCaller() async throws {
    let sent = RPCError(
      .failedPrecondition, "naïve ☃ 100%\n",
      details: [
        .badRequest(field: "apiKey", description: "is empty"),
        .retryInfo(delay: .milliseconds(1500)),
        .errorInfo(reason: "QUOTA", domain: "chatelaine"),
      ], detail: "for the log only")
    let service = TestService(handlers: [
      "Fail": { _, context in
        var trailing = Metadata()
        try trailing.append("yes", forKey: "failed")
        context.response.trailing = trailing
        throw sent
      }
    ])
    try await withServer(service) { (_, client) async throws in
      let error = await failure { () async throws(RPCError) in try await client.call("Fail") }
      #expect(error?.code == .failedPrecondition)
      #expect(error?.message == sent.message)
      #expect(error?.details == sent.details)
      #expect(error?.detail == nil)
    }
  }

  @Test func anErrorThatSaysNothingIsInternalAndKeepsItsWordsAtHome() async throws {
    struct Secret: Error { let words = "hunter2" }
    let service = TestService(handlers: ["Fail": { _, _ in throw Secret() }])
    try await withServer(service) { (_, client) async throws in
      let error = await failure { () async throws(RPCError) in try await client.call("Fail") }
      #expect(error?.code == .internal)
      #expect(error?.message == "internal error")
    }
  }
}
