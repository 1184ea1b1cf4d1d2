import Hummingbird
import NIOCore

/// What Hummingbird tells about a request besides the request.
struct GatewayContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// The connection that the request came on.
  let channel: any Channel

  init(source: Source) {
    coreContext = .init(source: source)
    channel = source.channel
  }
}
