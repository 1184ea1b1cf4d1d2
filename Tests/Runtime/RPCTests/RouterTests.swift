import Logging
import NIOCore
import RPC
import RPCInProcess
import Testing

private struct Service: RPCService {
  var methodHandlers: [MethodHandler]

  init(_ name: String, _ methods: [String], _ answer: @escaping MethodHandler.Unary) {
    methodHandlers = methods.map {
      MethodHandler(MethodDescriptor(service: name, method: $0, shape: .unary), .unary(answer))
    }
  }
}

/// Writes its name into the call's values on the way in.
private final class Marker: ServerInterceptor {
  enum Trail: ContextKey { typealias Value = [String] }

  let name: String

  init(name: String) {
    self.name = name
  }

  func callBegins(_ context: ServerContext) {
    context[Trail.self] = (context[Trail.self] ?? []) + [name]
  }
}

@Suite struct RouterTests {
  @Test func everyPathFindsItsMethodAndNoOther() {
    let names = (0..<500).map { "Method\($0)" }
    let router = Router(
      services: [Service("a.B", names, { request, _ in request })], interceptors: [])
    for name in names { #expect(router.route("/a.B/\(name)")?.descriptor.method == name) }
    for path in ["", "/", "/a.B", "/a.B/", "/a.B/Method", "/a.B/Method500", "a.B/Method1"] {
      #expect(router.route(path) == nil)
    }
  }

  @Test func interceptorsRunInTheOrderOfTheirList() async throws {
    let service = Service(
      "a.B", ["C"],
      { _, context in
        ByteBuffer(string: (context[Marker.Trail.self] ?? []).joined(separator: " "))
      })
    let channel = InProcessChannel(
      services: [service], interceptors: [Marker(name: "outer"), Marker(name: "inner")])
    let answer = try await channel.unary(
      MethodDescriptor(service: "a.B", method: "C", shape: .unary), request: ByteBuffer(),
      options: CallOptions())
    #expect(String(buffer: answer.message) == "outer inner")
  }

  @Test func theAllowListDeniesByDefault() async throws {
    let service = Service("a.B", ["Open", "Known", "Closed"], { request, _ in request })
    let list = PeerAllowList(
      ["/a.B/Open": ["spiffe://chatelaine/gateway"], "/a.B/Known": .anyVerifiedPeer],
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    func code(_ method: String, _ identities: [String]) async -> RPCError.Code {
      let channel = InProcessChannel(
        services: [service], interceptors: [list],
        peer: Peer(address: "x", identities: identities))
      do throws(RPCError) {
        _ = try await channel.unary(
          MethodDescriptor(service: "a.B", method: method, shape: .unary), request: ByteBuffer(),
          options: CallOptions())
        return .ok
      } catch {
        return error.code
      }
    }
    #expect(await code("Open", ["spiffe://chatelaine/gateway"]) == .ok)
    #expect(await code("Open", ["spiffe://chatelaine/auth"]) == .permissionDenied)
    #expect(await code("Open", []) == .permissionDenied)
    #expect(await code("Known", ["spiffe://chatelaine/auth"]) == .ok)
    #expect(await code("Known", []) == .permissionDenied)
    #expect(await code("Closed", ["spiffe://chatelaine/gateway"]) == .permissionDenied)
    #expect(await code("Missing", []) == .unimplemented)
  }

  @Test func inMemoryCallsEndAtTheirDeadline() async {
    let service = Service(
      "a.B", ["Wait"],
      { request, _ in
        try await Task.sleep(for: .seconds(3600))
        return request
      })
    let channel = InProcessChannel(services: [service])
    await #expect {
      _ = try await channel.unary(
        MethodDescriptor(service: "a.B", method: "Wait", shape: .unary), request: ByteBuffer(),
        options: CallOptions(timeout: .milliseconds(10)))
    } throws: { ($0 as? RPCError)?.code == .deadlineExceeded }
  }

  @Test func detailForTheOperatorStaysAtHome() async {
    let service = Service("a.B", ["C"], { _, _ in throw RPCError(.notFound, "no", detail: "why") })
    let channel = InProcessChannel(services: [service])
    do throws(RPCError) {
      _ = try await channel.unary(
        MethodDescriptor(service: "a.B", method: "C", shape: .unary), request: ByteBuffer(),
        options: CallOptions())
      Issue.record("no error")
    } catch {
      #expect(error.code == .notFound)
      #expect(error.detail == nil)
    }
  }
}
