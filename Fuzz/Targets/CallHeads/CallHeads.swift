import Fuzzing
import NIOCore
import RPC

@testable internal import HTTP2
@testable internal import RPCTransport

/// Header fields read as the head of a request, as that of a response, and as a trace's context.
@main
enum CallHeadsTarget: FuzzTarget {
  static func test(_ input: inout Input) {
    switch input.choice(of: 4) {
    case 0: Requests.check(&input)
    case 1: Responses.check(&input)
    case 2: Answers.check(&input)
    default: Traces.check(&input)
    }
  }
}

/// Blocks of fields whose names are mostly those that mean something.
enum Blocks {
  private static let listBytesMax = 8 << 10
  private static let names = [
    ":method", ":path", ":status", "te", "content-type", "grpc-timeout", "grpc-encoding",
    "grpc-accept-encoding", "grpc-status", "grpc-message", "grpc-status-details-bin", "x-bin",
    "traceparent", "tracestate", "authorization", "x",
  ]
  private static let values = [
    "POST", "/a.B/C", "200", "trailers", "application/grpc+proto", "1S", "gzip", "identity,gzip",
    "0", "13",
  ]

  static func take(from input: inout Input) -> HeaderBlock {
    make { append in
      while !input.isEmpty {
        let name = input.byte()
        let value = input.byte()
        append(
          Int(name) < names.count ? Array(names[Int(name)].utf8) : input.bytes(Int(name)),
          Int(value) < values.count ? Array(values[Int(value)].utf8) : input.bytes(Int(value)))
      }
    }
  }

  /// A block of the fields that `body` appends, stored as a session stores them.
  static func make(_ body: (_ append: ([UInt8], [UInt8]) -> Void) -> Void) -> HeaderBlock {
    var storage = HeaderStorage()
    storage.begin()
    body { name, value in
      name.withUnsafeBytes { name in
        value.withUnsafeBytes { value in
          storage.append(name: name, value: value, listBytesMax: listBytesMax)
        }
      }
    }
    // No block looks at its stream.
    let stream = HTTP2Stream(id: 1)
    return storage.fields(
      of: storage.end(.header, Unmanaged.passUnretained(stream), endOfStream: false))
  }
}

private enum Requests {
  private struct Service: RPCService {
    let methodHandlers = [
      MethodHandler(
        MethodDescriptor(service: "a.B", method: "C", shape: .unary),
        .unary { request, _ in request })
    ]
  }

  private static let router = Router(services: [Service()], interceptors: [])

  static func check(_ input: inout Input) {
    let block = Blocks.take(from: &input)
    do throws(RequestHead.Refusal) {
      let head = try RequestHead(block, router: router)
      require(head.timeout ?? .zero >= .zero, "a timeout is not in the past")
      require(!block.isTooLarge, "a block that lost fields is refused")
      Traces.check(head.metadata)
    } catch {
      if case .status(let error) = error { require(error.code != .ok, "a refusal is a failure") }
    }
  }
}

private enum Responses {
  static func check(_ input: inout Input) {
    let head = ResponseHead(Blocks.take(from: &input))
    guard case .some(.some(let error)) = head.status else { return }
    require(error.code != .ok, "what isn't OK is a failure")
  }
}

/// What the server writes of a failure, the client reads.
private enum Answers {
  static func check(_ input: inout Input) {
    let code = RPCError.Code(rawValue: 1 + input.choice(of: 16)) ?? .unknown
    let text = String(decoding: input.shortBytes(), as: UTF8.self)
    let details = (0..<input.choice(of: 4)).map { _ in detail(&input) }
    var trailing = Metadata()
    try? trailing.append(input.shortBytes(), forKey: "x-bin")
    try? trailing.append(String(decoding: input.shortBytes(), as: UTF8.self), forKey: "x-text")

    let error = RPCError(code, text, details: details)
    let head = ResponseHead(block(ResponseFields.failure(error, trailing: trailing)))
    guard case .some(.some(let read)) = head.status else {
      fatalError("a failure is read as a failure")
    }
    require(read.code == code, "with its code")
    require(read.message.utf8.elementsEqual(text.utf8), "its message")
    require(read.details == details, "its details")
    require(head.metadata == trailing, "and its metadata")
  }

  private static func detail(_ input: inout Input) -> ErrorDetail {
    switch input.choice(of: 3) {
    case 0:
      .badRequest(field: words(&input), description: words(&input))
    case 1:
      .retryInfo(delay: .seconds(Int64(input.byte())) + .nanoseconds(Int64(input.byte())))
    default: .errorInfo(reason: words(&input), domain: words(&input))
    }
  }

  private static func words(_ input: inout Input) -> String {
    String(decoding: input.shortBytes(), as: UTF8.self)
  }

  private static func block(_ fields: HeaderFields) -> HeaderBlock {
    Blocks.make { append in fields.forEach { append($0, $1) } }
  }
}

private enum Traces {
  static func check(_ input: inout Input) {
    var metadata = Metadata()
    Blocks.take(from: &input).forEach { name, value in
      try? metadata.appendField(name: name, value: value)
    }
    check(metadata)
  }

  static func check(_ metadata: Metadata) {
    guard let context = TraceContext(metadata) else { return }
    var handedOn = Metadata()
    context.append(to: &handedOn)
    require(TraceContext(handedOn) == context, "a context is handed on as it came")
    require(context.state.text.utf8.count <= 512, "a trace's state is bounded")
    let child = context.child()
    require(child.traceID == context.traceID && child.spanID != 0, "a child is of the same trace")
  }
}
