import BenchMessages
import RPC

/// Answers as every peer in the benchmark does, byte for byte.
struct BenchHandler: BenchAPI.BenchServiceProtocol {
  private static let ciphertext = [UInt8](repeating: 0xC3, count: 60)
  private static let iv = [UInt8](repeating: 0xA5, count: 12)
  private static let tag = [UInt8](repeating: 0x5A, count: 16)

  func get(
    _ request: BenchAPI.GetRequest, context: ServerContext
  ) async throws -> BenchAPI.GetResponse {
    BenchAPI.GetResponse(
      id: "0b6f1d5e-8c1a-4c0e-9d58-6f3f6f0c9a11", userId: request.userId,
      provider: request.provider, ciphertext: Self.ciphertext, iv: Self.iv, tag: Self.tag,
      createdAt: 1_763_900_000_123, enabled: true)
  }

  func source(
    _ request: BenchAPI.SourceRequest, to responses: ResponseWriter<BenchAPI.Chunk>,
    context: ServerContext
  ) async throws {
    let chunk = BenchAPI.Chunk(data: [UInt8](repeating: 0x78, count: Int(request.chunkBytes)))
    for _ in 0..<request.chunks { try await responses.write(chunk) }
  }

  func sink(
    _ requests: RequestStream<BenchAPI.Chunk>, context: ServerContext
  ) async throws -> BenchAPI.SinkResponse {
    var total = BenchAPI.SinkResponse()
    while let chunk = try await requests.next() {
      total.chunks += 1
      total.bytes += Int64(chunk.data.count)
    }
    return total
  }

  func echo(
    _ requests: RequestStream<BenchAPI.Chunk>, to responses: ResponseWriter<BenchAPI.Chunk>,
    context: ServerContext
  ) async throws {
    while let chunk = try await requests.next() { try await responses.write(chunk) }
  }
}
