import Foundation

/// What `chatelaine up` has started: whether it runs, and whether the portal can serve.
struct ServiceCheckup {
  private let state: StateDirectory

  init(_ state: StateDirectory) { self.state = state }

  func findings() async -> [Finding] {
    let endpoints: Endpoints?
    do {
      endpoints = try Endpoints.read(from: state)
    } catch {
      return [.failed("services", "\(error)", do: "start the deployment again")]
    }
    guard let endpoints, endpoints.isSupervised else {
      return [
        .warning(
          "services", "none runs on \(state.path)",
          do: "chatelaine up --state-dir \(state.path)")
      ]
    }
    let ended = endpoints.services.filter { !$0.value.isRunning }.keys.sorted()
    guard ended.isEmpty else {
      return [
        .failed(
          "services", "\(ended.joined(separator: ", ")) ended",
          do: "read \(ended.map { state.log(of: $0) }.joined(separator: ", "))")
      ]
    }
    return [.well("services", "all \(endpoints.services.count) run"), await portal(endpoints)]
  }

  private func portal(_ endpoints: Endpoints) async -> Finding {
    let address = endpoints.services[ServiceName.gateway.rawValue]?.address ?? ""
    guard let port = address.split(separator: ":").last.flatMap({ Int($0) }) else {
      return .failed("portal", "nothing says where it listens", do: "start the deployment again")
    }
    let log = state.log(of: ServiceName.gateway.rawValue)
    switch try? await PortalProbe(port: port).waitUntilReady(within: .zero) {
    case .ready?: return .well("portal", "http://\(address) reaches all services")
    case .missing(let services)?:
      let logs = services.map { state.log(of: $0) } + [log]
      return .failed(
        "portal", "it does not reach \(services.joined(separator: ", "))",
        do: "read \(logs.joined(separator: ", "))")
    case .nothing?, nil:
      return .failed("portal", "http://\(address)/readyz does not answer", do: "read \(log)")
    }
  }
}
