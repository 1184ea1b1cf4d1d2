import ArgumentParser
import Foundation
import Identity
import Providers

/// `chatelaine run`: starts a program that uses a person's keys and never holds one.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a program with a short-lived token in place of your provider keys.",
    discussion: """
      Makes an access token for this run, which may use your keys of the chosen providers and do \
      nothing else, and starts the program with the variables from which SDKs and agents read a \
      provider's address and key (OPENAI_BASE_URL, OPENAI_API_KEY, …). Keys of these providers in \
      your own environment are not passed on. The token is revoked when the program ends; should \
      this command be killed, it ends after --ttl.

      Without --provider: all providers of which you have a key that may be used. \
      --provider custom/LABEL has OpenAI's variables lead to your own endpoint of that label.

      Signals are passed on. Ends as the program does, with 128 + N when signal N has ended it, \
      127 when there is no such program, 126 when it can't be run, 1 when there was no token.
      """)

  @Option(help: "A provider to have variables for, such as openai; may be given several times.")
  var provider: [ProviderChoice] = []

  @Option(help: "Only keys with this label, in place of the default ones.")
  var label: String?

  @Option(help: "How long the token lives at the most: such as 90s, 30m, 1h; up to 1d.")
  var ttl = TokenLifetime.standard

  @OptionGroup var location: PortalLocation

  @Argument(parsing: .postTerminator, help: "The program and its arguments, behind --.")
  var command: [String] = []

  func validate() throws {
    guard !command.isEmpty else {
      throw ValidationError("name the program behind --, as in: chatelaine run -- python app.py")
    }
    guard label == nil || !provider.contains(where: { $0.label != nil }) else {
      throw ValidationError(
        "--label and --provider \(ProviderChoice.custom)/LABEL exclude each other")
    }
  }

  func run() throws {
    // From here on a signal waits until there is a program to pass it on to, or nothing to revoke.
    let signals = ForwardedSignals.hold()
    let session = try PersonSession(location, command: "run")
    let choices = provider.isEmpty ? try usable(session) : provider
    let environment = try RunEnvironment(choices, proxy: "\(session.address)/proxy")
    let answer = try session.call("POST", "/api/v1/access-tokens:derive", request(choices))
    guard let token = answer["token"] as? String else {
      throw CommandError("what answers at \(session.address) is no portal of this version")
    }
    if let status = signals.statusOfPending() {
      revoke(token, session, answer)
      throw ExitCode(status)
    }
    let status: Int32
    do {
      var variables = environment.variables(
        from: ProcessInfo.processInfo.environment, token: token)
      variables[PortalLocation.portalVariable] = session.address.description
      variables[PortalLocation.caFileVariable] = session.caFile
      status = try signals.run(command, environment: variables)
    } catch let error as ProgramNotStarted {
      revoke(token, session, answer)
      Terminal.report(error.description)
      throw ExitCode(error.status)
    }
    revoke(token, session, answer)
    throw ExitCode(status)
  }

  /// The token revokes itself: that of the log-in may be allowed less.
  private func revoke(_ token: String, _ session: PersonSession, _ answer: [String: Any]) {
    do {
      _ = try session.connection.call(
        "DELETE", "/api/v1/access-tokens/current", headers: ["Authorization: Bearer \(token)"])
    } catch let problem as PortalProblem where problem.status == 401 {
      // It has ended already, by its time or with the log-in.
    } catch {
      let end = (answer["accessToken"] as? [String: Any])?["expireTime"] as? String ?? "its time"
      Terminal.report("the run's token is not revoked, it ends at \(end): \(error)")
    }
  }

  private func request(_ choices: [ProviderChoice]) -> [String: Any] {
    // A key of an endpoint of one's own is named in the address.
    let labels = label ?? (choices.count == 1 ? choices[0].label : nil)
    let program = URL(fileURLWithPath: command[0]).lastPathComponent
    return [
      "name": String("run: \(program)".prefix(100)), "expiresIn": "\(ttl.seconds)s",
      "scopes": ["USE"],
      "limits": [
        "providers": Set(choices.map(\.provider.id)).sorted(), "labels": labels.map { [$0] } ?? [],
      ],
    ]
  }

  /// The providers of the person's usable keys, and those of which the portal lends one.
  private func usable(_ session: PersonSession) throws -> [ProviderChoice] {
    var ids: Set<String> = []
    do {
      try session.pages("/api/v1/provider-configs?state=USABLE") { page in
        for config in page["providerConfigs"] as? [[String: Any]] ?? []
        where label == nil || config["label"] as? String == label {
          if let id = config["provider"] as? String { ids.insert(id) }
        }
        if label == nil { ids.formUnion(page["operatorProviders"] as? [String] ?? []) }
        return true
      }
    } catch let problem as PortalProblem where problem.status == 403 {
      throw CommandError(
        "the log-in's token may not list your keys: name them, as in --provider openai, or log in "
          + "with one that may change keys: chatelaine login --scopes 'use manage'")
    }
    let choices = ProviderCatalogue.standard.providers.filter {
      ids.contains($0.id) && $0.program != nil && $0.id != ProviderChoice.custom
    }.map { ProviderChoice(provider: $0) }
    guard !choices.isEmpty else {
      throw CommandError(
        "you have no key\(label.map { " labelled \($0)" } ?? "") that programs could use: add one "
          + "at \(session.address)/providers; an endpoint of your own is --provider custom/LABEL")
    }
    return choices
  }
}

/// How long a run's token lives, as `90s`, `30m`, `1h` or `1d`.
struct TokenLifetime: ExpressibleByArgument, Equatable {
  static let secondsRange = 60...86_400
  static let standard = TokenLifetime(seconds: 3_600)

  let seconds: Int

  private init(seconds: Int) { self.seconds = seconds }

  init?(argument: String) {
    let units = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    guard let unit = argument.last.flatMap({ units[String($0)] }),
      let count = Int(argument.dropLast()), (1...86_400).contains(count),
      Self.secondsRange.contains(count * unit)
    else { return nil }
    seconds = count * unit
  }

  var defaultValueDescription: String { "1h" }
}
