import LocalDeployment
import Logging
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import TLS

/// What the foreign client calls: `test.Service` with a method for each of its cases.
final class InteropServer: Sendable {
  private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  let port: Int
  private let running: Task<Void, any Error>

  init(_ paths: CertificatePaths) async throws {
    let configuration = RPCServerConfiguration(
      host: "127.0.0.1", port: 0,
      tls: TLSConfiguration(
        certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
        certificateAuthorityFile: paths.authority))
    let server = RPCServer(
      configuration, services: [DrivenService()], eventLoopGroup: Self.group,
      logger: Logger(label: "interop") { _ in SwiftLogNoOpLogHandler() })
    port = try await server.start()
    running = Task { try await server.run() }
  }

  func stop() async {
    running.cancel()
    _ = await running.result
  }
}

private struct DrivenService: RPCService {
  private let started = Event()
  private let cancelled = Event()

  var methodHandlers: [MethodHandler] {
    [
      method("Echo") { request, _ in request },
      method("Mirror") { request, context in
        context.response.initial = context.metadata
        var trailing = Metadata()
        try trailing.append([0, 255, 10, 13], forKey: "tail-bin")
        context.response.trailing = trailing
        return request
      },
      method("Fail") { _, _ in
        throw RPCError(
          .failedPrecondition, "naïve ☃ 100%\n\t end",
          details: [
            .badRequest(field: "apiKey", description: "is empty"),
            .retryInfo(delay: .milliseconds(1500)),
            .errorInfo(reason: "QUOTA", domain: "chatelaine"),
          ])
      },
      method("Wait") { [started, cancelled] request, _ in
        await started.happen()
        do {
          try await Task.sleep(for: .seconds(3600))
        } catch {
          await cancelled.happen()
          throw error
        }
        return request
      },
      method("UntilStarted") { [started] request, _ in
        await started.wait()
        return request
      },
      method("UntilCancelled") { [cancelled] request, _ in
        await cancelled.wait()
        return request
      },
    ]
  }

  private func method(
    _ name: String, _ answer: @escaping MethodHandler.Unary
  ) -> MethodHandler {
    MethodHandler(
      MethodDescriptor(service: "test.Service", method: name, shape: .unary), .unary(answer))
  }
}

/// Something that happens once.
private actor Event {
  private var hasHappened = false
  private var waiters: [CheckedContinuation<Void, Never>] = []

  func happen() {
    hasHappened = true
    for waiter in waiters { waiter.resume() }
    waiters = []
  }

  func wait() async {
    if hasHappened { return }
    await withCheckedContinuation { waiters.append($0) }
  }
}
