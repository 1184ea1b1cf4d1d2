import Addresses
import Encodings
import NIOCore
import NIOHTTP1

/// A connection to a provider, of whichever version of HTTP both speak.
///
/// An exchange is named by the stream of its answer. What is said of one that is over does nothing.
/// All of it may be called from any thread.
protocol UpstreamConnection: AnyObject, Sendable {
  var origin: UpstreamPool.Origin { get }
  /// Where the connection goes; nil behind a proxy.
  var address: IPAddress? { get }
  var channel: any Channel { get }
  /// Exchanges that it may carry at one time, before the provider has said how many.
  static var exchangesMax: Int { get }

  /// Sends a head and the body that is at hand; whether more is to come says `isComplete`.
  func begin(
    _ head: HTTPRequestHead, body: ByteBuffer?, isComplete: Bool, watch: UpstreamWatch
  ) async -> UpstreamBeginning
  /// Sends a piece of the body of `stream`'s request; returns when there is room for the next.
  func send(_ piece: ByteBuffer, of stream: AnswerStream) async throws(UpstreamError)
  /// Says that the body of `stream`'s request is complete.
  func finishRequest(of stream: AnswerStream)
  /// The reader of `stream` has made room after `receive` said to stop.
  func readMore(of stream: AnswerStream)
  /// Ends the exchange now; the provider learns of it.
  func abort(_ stream: AnswerStream)
  /// Closes the connection now, whatever is under way.
  func close()
}

extension UpstreamConnection {
  var eventLoop: any EventLoop { channel.eventLoop }

  func onLoop(_ action: @escaping @Sendable () -> Void) {
    if eventLoop.inEventLoop { action() } else { eventLoop.execute(action) }
  }
}

/// What came of an attempt to begin an exchange.
enum UpstreamBeginning: Sendable {
  /// - wasUsed: the provider may close a connection that it has used at any moment.
  case begun(AnswerStream, wasUsed: Bool)
  /// The provider has closed the connection meanwhile, or takes no more on it.
  case dead(wasUsed: Bool)
  /// The provider takes no more for now.
  case full
}

/// What the pool is told of a connection.
enum UpstreamEvent: Sendable {
  /// An exchange is over, and there may be another.
  case exchangeEnded
  /// How many exchanges the connection may carry at one time from now on; none when it is about to
  /// go.
  case exchangesMax(Int)
  case closed
}

/// Tells the pool of a connection, on the connection's event loop.
typealias UpstreamReport = @Sendable (any UpstreamConnection, UpstreamEvent) -> Void

extension HTTPHeaders {
  /// Refuses an answer's fields whose bytes were not UTF-8.
  func checkText() throws(UpstreamError) {
    for (name, value) in self where value.hasReplacementCharacter { throw .unreadableField(name) }
  }
}
