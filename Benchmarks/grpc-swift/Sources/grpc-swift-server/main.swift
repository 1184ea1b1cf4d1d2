import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import GRPCProtobuf
import NIOPosix
import SwiftProtobuf

/// The service of bench.proto as users of grpc-swift write it.
struct BenchService: Bench_Bench.SimpleServiceProtocol {
  private static let ciphertext = Data(repeating: 0xC3, count: 60)
  private static let iv = Data(repeating: 0xA5, count: 12)
  private static let tag = Data(repeating: 0x5A, count: 16)

  func get(
    request: Bench_GetRequest, context: ServerContext
  ) async throws -> Bench_GetResponse {
    var response = Bench_GetResponse()
    response.id = "0b6f1d5e-8c1a-4c0e-9d58-6f3f6f0c9a11"
    response.userID = request.userID
    response.provider = request.provider
    response.ciphertext = Self.ciphertext
    response.iv = Self.iv
    response.tag = Self.tag
    response.createdAt = 1_763_900_000_123
    response.enabled = true
    return response
  }

  func source(
    request: Bench_SourceRequest, response: RPCWriter<Bench_Chunk>, context: ServerContext
  ) async throws {
    var chunk = Bench_Chunk()
    chunk.data = Data(repeating: 0x78, count: Int(request.chunkBytes))
    for _ in 0..<request.chunks { try await response.write(chunk) }
  }

  func sink(
    request: RPCAsyncSequence<Bench_Chunk, any Error>, context: ServerContext
  ) async throws -> Bench_SinkResponse {
    var total = Bench_SinkResponse()
    for try await chunk in request {
      total.chunks += 1
      total.bytes += Int64(chunk.data.count)
    }
    return total
  }

  func echo(
    request: RPCAsyncSequence<Bench_Chunk, any Error>, response: RPCWriter<Bench_Chunk>,
    context: ServerContext
  ) async throws {
    for try await chunk in request { try await response.write(chunk) }
  }
}

// PORT [CERTIFICATE KEY]; one event loop, as it gets one core.
let arguments = CommandLine.arguments
guard arguments.count == 2 || arguments.count == 4, let port = Int(arguments[1]) else {
  fatalError("usage: server PORT [CERTIFICATE KEY]")
}
let security: HTTP2ServerTransport.Posix.TransportSecurity =
  arguments.count == 2
  ? .plaintext
  : .tls(
    certificateChain: [.file(path: arguments[2], format: .pem)],
    privateKey: .file(path: arguments[3], format: .pem))
var configuration = HTTP2ServerTransport.Posix.Config.defaults
configuration.http2.maxConcurrentStreams = 1000
let transport = HTTP2ServerTransport.Posix(
  address: .ipv4(host: "127.0.0.1", port: port), transportSecurity: security,
  config: configuration, eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: 1))
try await GRPCServer(transport: transport, services: [BenchService()]).serve()
