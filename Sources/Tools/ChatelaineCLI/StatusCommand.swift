import ArgumentParser
import Encodings
import Foundation
import LocalDeployment

/// `chatelaine status`: what runs on a state directory.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Say what runs on a state directory, and whether it is well.",
    discussion: "Exit status 1 when nothing runs, or a service has ended or does not answer.")

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var location: StateLocation

  func run() async throws {
    guard let endpoints = try Endpoints.read(from: location.state), endpoints.isSupervised else {
      if json { Terminal.print(#"{"running":false}"#) }
      throw CommandError(
        "nothing runs on \(location.state.path); start it with: chatelaine up --state-dir "
          + location.state.path)
    }
    let services = endpoints.services.sorted { $0.key < $1.key }.map { name, service in
      (name: name, service: service, isAlive: service.isRunning)
    }
    if json {
      let members = services.map { name, service, isAlive in
        JSONText.object([
          ("name", JSONText.string(name)), ("address", JSONText.string(service.address)),
          ("pid", "\(service.processID)"), ("running", "\(isAlive)"),
        ])
      }
      Terminal.print(
        JSONText.object([
          ("running", "true"), ("pid", "\(endpoints.supervisorProcessID)"),
          ("services", "[\(members.joined(separator: ","))]"),
        ]))
    } else {
      let address = endpoints.services[ServiceName.gateway.rawValue]?.address ?? "-"
      Terminal.print("portal   http://\(address) (pid \(endpoints.supervisorProcessID))")
      for (name, service, isAlive) in services {
        let state = isAlive ? "running" : "ended"
        Terminal.print(
          "\(name.padding(toLength: 8, withPad: " ", startingAt: 0)) \(state)  \(service.address) "
            + "(pid \(service.processID))")
      }
    }
    guard services.allSatisfy(\.isAlive) else {
      throw CommandError("a service has ended; see \(location.state.path)/logs")
    }
  }
}
