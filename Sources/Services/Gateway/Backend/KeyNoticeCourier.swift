import Callers
package import Logging
package import RPC
import ServiceAPI
import ServiceLifecycle

/// Carries what owners are to be told of their keys from the vault, which has no mail, to `auth`,
/// which sends it (decision 35). Any number of gateways may run one: the vault gives each notice to
/// one of them, and again to another if that one doesn't deliver it.
package struct KeyNoticeCourier: Service {
  /// How often the vault is asked.
  static let interval: Duration = .seconds(10)
  private static let callTimeout: Duration = .seconds(5)

  private let services: Services
  private let logger: Logger

  package init(_ services: Services, logger: Logger) {
    self.services = services
    self.logger = logger
  }

  package func run() async throws {
    try? await cancelWhenGracefulShutdown {
      var isWaiting = false
      while true {
        do throws(RPCError) {
          try await deliverAll()
          isWaiting = false
        } catch {
          // Said once, not every time; a vault or auth of an earlier version knows no notices.
          if !isWaiting, error.code != .unimplemented {
            logger.warning("notices about keys wait", metadata: ["error": "\(error)"])
          }
          isWaiting = true
        }
        try await Task.sleep(for: Self.interval)
      }
    }
  }

  /// Delivers what there is. A notice that isn't delivered is given out again.
  package func deliverAll() async throws(RPCError) {
    let options = CallOptions(timeout: Self.callTimeout)
    while true {
      let notices = try await services.vault.takeKeyNotices(
        VaultAPI.TakeKeyNoticesRequest(), options: options
      ).notices
      guard !notices.isEmpty else { return }
      var delivered: [String] = []
      var failure: RPCError?
      for notice in notices where failure == nil {
        do throws(RPCError) {
          _ = try await services.auth.sendKeyNotice(
            AuthAPI.SendKeyNoticeRequest(notice), options: options)
          delivered.append(notice.id)
        } catch  where error.code == .invalidArgument {
          // It would be refused again and again.
          logger.error("a notice was refused for good", metadata: ["error": "\(error)"])
          delivered.append(notice.id)
        } catch {
          failure = error
        }
      }
      // First, whatever became of the others: one that is given out again would be mailed again.
      if !delivered.isEmpty {
        _ = try await services.vault.deleteKeyNotices(
          VaultAPI.DeleteKeyNoticesRequest(ids: delivered), options: options)
      }
      if let failure { throw failure }
    }
  }
}

extension AuthAPI.SendKeyNoticeRequest {
  fileprivate init(_ notice: VaultAPI.KeyNotice) {
    let kind: Kind =
      switch notice.kind {
      case .quarantined: .quarantined
      case .reminder: .reminder
      case .expired: .expired
      case .unspecified, .unrecognized: .unspecified
      }
    self.init(
      id: notice.id, accountId: notice.accountId, kind: kind, configId: notice.configId,
      name: notice.name, time: notice.time)
  }
}
