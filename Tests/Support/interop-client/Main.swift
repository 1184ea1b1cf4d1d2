import ArgumentParser
import RPCInterop

/// Runs gRPC's interoperability tests against any server of `grpc.testing.TestService`.
@main
struct InteropClient: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interop-client", abstract: "Runs gRPC's interoperability tests.")

  @OptionGroup var options: ClientOptions
  @OptionGroup var soak: SoakFlags

  func validate() throws {
    _ = try options.clientConfiguration()
  }

  func run() async throws {
    let dial = Dial(
      configuration: try options.clientConfiguration(), group: options.makeEventLoopGroup(),
      logger: options.logger)
    var failureCount = 0
    try await dial.withChannel { channel in
      let cases = InteropCases(channel: channel, soak: soak.options) { body in
        try await dial.withChannel(body)
      }
      for name in options.testCase.names {
        do {
          try await cases.run(name)
          print("ok   \(name.rawValue)")
        } catch {
          print("FAIL \(name.rawValue): \(error)")
          failureCount += 1
        }
      }
    }
    if failureCount > 0 { throw ExitCode.failure }
  }
}
