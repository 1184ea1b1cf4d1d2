import Foundation
import Hummingbird
import NIOCore
import Synchronization

/// An OpenAI-compatible provider on loopback that remembers which keys it was shown.
///
/// It stands where the real provider would: the one thing in these tests that is not ours to run.
/// A streamed answer stops after its first chunk until `POST /release` says that the client has it,
/// so a proxy that buffers never gets to the second.
final class UpstreamServer: Sendable {
  private let boundPort = Mutex(0)
  private let seen = Mutex<[String]>([])
  private let refused = Mutex<Set<String>>([])
  private let gates = Mutex<[String: AsyncStream<Void>.Continuation]>([:])

  var authority: String { "127.0.0.1:\(port)" }
  /// The Authorization headers received so far.
  var authorizations: [String] { seen.withLock { $0 } }

  /// Has a key answered with 401, or not any more.
  func refuse(_ key: String, _ isRefused: Bool = true) {
    refused.withLock { refused in
      if isRefused { refused.insert("Bearer \(key)") } else { refused.remove("Bearer \(key)") }
    }
  }

  /// Chosen by the kernel.
  var port: Int { boundPort.withLock(\.self) }

  private init() {}

  static func start() async throws -> UpstreamServer {
    let server = UpstreamServer()
    let (ready, isReady) = AsyncThrowingStream<Int, any Error>.makeStream()
    let application = Application(
      router: server.router(),
      configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in
        isReady.yield(channel.localAddress?.port ?? 0)
        isReady.finish()
      })
    // Unstructured: serves until the test process ends.
    Task {
      do {
        try await application.run()
      } catch {
        isReady.finish(throwing: error)
      }
    }
    for try await port in ready { server.boundPort.withLock { $0 = port } }
    return server
  }

  private func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.post("/v1/chat/completions") { request, context in
      try await self.complete(request, context)
    }
    router.get("/v1/models") { request, _ in
      self.note(request)
      if self.refuses(request) { return Self.refusal }
      return Self.json(#"{"object":"list","data":[{"id":"test-model","object":"model"}]}"#)
    }
    router.get("/v1/redirect") { _, _ in
      Response(status: .found, headers: [.location: "http://127.0.0.1:1/"])
    }
    router.post("/release/{name}") { _, context in
      let name = context.parameters.get("name") ?? ""
      self.gates.withLock { $0.removeValue(forKey: name) }?.finish()
      return HTTPResponse.Status.noContent
    }
    return router
  }

  private func refuses(_ request: Request) -> Bool {
    refused.withLock { $0.contains(request.headers[.authorization] ?? "") }
  }

  private static var refusal: Response {
    var response = json(#"{"error":{"message":"Incorrect API key provided"}}"#)
    response.status = .unauthorized
    return response
  }

  private func note(_ request: Request) {
    let authorization = request.headers[.authorization] ?? ""
    seen.withLock { $0.append(authorization) }
  }

  private func complete(
    _ request: Request, _ context: BasicRequestContext
  ) async throws -> Response {
    note(request)
    let body = try await request.body.collect(upTo: 1 << 20)
    if refuses(request) { return Self.refusal }
    let json =
      try JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any] ?? [:]
    guard json["stream"] as? Bool == true else { return Self.json(Self.completion) }
    let gate = json["user"] as? String ?? ""
    let (released, release) = AsyncStream<Void>.makeStream()
    gates.withLock { $0[gate] = release }
    return Response(
      status: .ok, headers: [.contentType: "text/event-stream"],
      body: ResponseBody { writer in
        try await writer.write(ByteBuffer(string: Self.chunk("first")))
        for await _ in released {}
        try await writer.write(ByteBuffer(string: Self.chunk("second")))
        try await writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
        try await writer.finish(nil)
      })
  }

  private static func json(_ text: String) -> Response {
    Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  private static let completion = """
    {"id":"c1","object":"chat.completion","created":1,"model":"test-model","choices":[{"index":0,\
    "finish_reason":"stop","message":{"role":"assistant","content":"hello from upstream"}}],\
    "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}
    """

  private static func chunk(_ content: String) -> String {
    """
    data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"test-model",\
    "choices":[{"index":0,"delta":{"content":"\(content)"},"finish_reason":null}]}\n\n
    """
  }
}
