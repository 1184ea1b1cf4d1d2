package import Logging
package import NIOCore
import NIOPosix
import Synchronization
package import TLS

/// Has certificate files read again when they change on disk, for connections to come; those that
/// are open go on with what they have.
///
/// Looks at the files from time to time rather than being told: that works on every file system,
/// and through the symbolic links by which Kubernetes swaps whole directories.
package final class CertificateWatcher: Sendable {
  package static let defaultInterval: Duration = .seconds(10)

  private let credentials: TLSCredentials
  private let logger: Logger
  private let timer = Mutex<RepeatedTask?>(nil)

  package init(_ credentials: TLSCredentials, logger: Logger) {
    self.credentials = credentials
    self.logger = logger
  }

  /// Looks at the files every `interval`, until `stop` or the end of this object.
  package func start(every interval: Duration, on eventLoop: any EventLoop) {
    let delay = interval.timeAmount
    let task = eventLoop.scheduleRepeatedAsyncTask(initialDelay: delay, delay: delay) {
      [weak self] task in
      guard let self else {
        task.cancel()
        return eventLoop.makeSucceededVoidFuture()
      }
      // Files are read on a thread that may block.
      return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { self.check() }
    }
    let old = timer.withLock { timer in
      defer { timer = task }
      return timer
    }
    old?.cancel()
  }

  package func stop() {
    let task = timer.withLock { timer in
      defer { timer = nil }
      return timer
    }
    task?.cancel()
  }

  /// Reads the files again if they have changed since they were last read, whether that succeeded
  /// or not: a half-written file is complained about once and tried again when it is whole.
  package func check() {
    do throws(TLSError) {
      guard try credentials.reloadIfChanged() else { return }
      logger.info("new certificates are in use")
    } catch {
      logger.warning(
        "changed certificate files can't be used; the old ones stay in use",
        metadata: ["reason": "\(error)"])
    }
  }
}
