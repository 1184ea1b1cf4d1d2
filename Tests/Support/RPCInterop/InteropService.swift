package import Protobuf
package import RPC

/// `grpc.testing.TestService` as gRPC's "interop-test-descriptions" demand it of a server.
package struct InteropService: RPCService {
  private let handler: TestServiceHandler

  /// `serverID` goes to clients that ask which server has answered them.
  package init(serverID: String) {
    handler = TestServiceHandler(serverID: serverID)
  }

  /// All but `UnimplementedCall`, which has to be a method that the server doesn't know.
  package var methodHandlers: [MethodHandler] {
    handler.methodHandlers.filter {
      $0.descriptor != TestingAPI.TestServiceMethods.unimplementedCall
    }
  }

  /// The `.proto` file does declare the method that is missing.
  package var fileDescriptor: ProtoFileDescriptor? { handler.fileDescriptor }
}
