internal import Protobuf
internal import RPC

/// The versions of the protocol that tools speak: old ones know only the second.
enum ReflectionVersion: CaseIterable {
  case v1
  case v1alpha

  var method: MethodDescriptor {
    switch self {
    case .v1: ReflectionAPI.ServerReflectionMethods.serverReflectionInfo
    case .v1alpha: ReflectionV1alphaAPI.ServerReflectionMethods.serverReflectionInfo
    }
  }

  var file: ProtoFileDescriptor {
    switch self {
    case .v1: .grpcReflectionV1Reflection
    case .v1alpha: .grpcReflectionV1alphaReflection
    }
  }
}
