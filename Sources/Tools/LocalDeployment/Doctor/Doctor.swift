import Foundation

/// Looks at everything that a deployment on this machine depends on: files, keys, certificates, the
/// database, what runs.
///
/// Changes nothing. A database of `chatelaine up` that doesn't run is started for the time of the
/// look.
package struct Doctor: Sendable {
  /// What there is to look at.
  package enum Patient: Sendable {
    /// A deployment of `chatelaine up`.
    case state(StateDirectory)
    /// What `chatelaine init` has filled, and the database that its files name.
    case secrets(SecretsLayout)
    /// A database alone: nobody said where the rest is.
    case database(OwnedDatabase)
  }

  private let patient: Patient
  /// Directory of the services' executables.
  private let binaries: String

  package init(_ patient: Patient, binaries: String) {
    (self.patient, self.binaries) = (patient, binaries)
  }

  /// Looks at one thing after the other and tells what was found of each.
  package func examine(_ tell: (Finding) -> Void) async {
    MachineCheckup(binaries: binaries).findings().forEach(tell)
    switch patient {
    case .state(let state):
      guard access(state.path, F_OK) == 0 else {
        return tell(
          .failed(
            "state", "there is nothing at \(state.path)",
            do: "start a deployment with chatelaine up, or name another with --state-dir"))
      }
      FileCheckup(state).findings().forEach(tell)
      await examineDatabase(of: state, tell)
      for finding in await ServiceCheckup(state).findings() { tell(finding) }
    case .secrets(let layout):
      FileCheckup(layout).findings().forEach(tell)
      do {
        let database = try OwnedDatabase { .file(layout.ownerURLFile(of: $0)) }
        await examine(database, keyring: KeyringFile(layout), tell)
      } catch {
        tell(.failed("database", "\(error)", do: "run chatelaine init once more"))
      }
    case .database(let database): await examine(database, keyring: nil, tell)
    }
  }

  private func examineDatabase(
    of state: StateDirectory, _ tell: (Finding) -> Void
  ) async {
    do {
      let findings = try await LocalDatabase(state).withExisting { database in
        await DatabaseCheckup(database, keyring: KeyringFile(state), binaries: binaries).findings()
      }
      findings.forEach(tell)
    } catch {
      tell(
        .failed(
          "database", "\(error)", do: "read \(state.path)/postgres/postgres.log for the reason"))
    }
  }

  private func examine(
    _ database: OwnedDatabase, keyring: KeyringFile?, _ tell: (Finding) -> Void
  ) async {
    await DatabaseCheckup(database, keyring: keyring, binaries: binaries).findings().forEach(tell)
  }
}

/// What `chatelaine doctor` found when it looked at one thing.
package struct Finding: Sendable, Equatable, Encodable {
  /// How bad it is.
  package enum Verdict: String, Sendable, Encodable {
    case well
    /// It works today.
    case warning
    /// Something doesn't work, or will not after the next start.
    case failed
  }

  /// What was looked at, e.g. `disk`.
  package let check: String
  package let verdict: Verdict
  /// What was seen, in a few words; never a secret.
  package let text: String
  /// What to do about it; nil where there is nothing to do.
  package let remedy: String?

  static func well(_ check: String, _ text: String) -> Finding {
    Finding(check: check, verdict: .well, text: text, remedy: nil)
  }

  static func warning(_ check: String, _ text: String, do remedy: String) -> Finding {
    Finding(check: check, verdict: .warning, text: text, remedy: remedy)
  }

  static func failed(_ check: String, _ text: String, do remedy: String) -> Finding {
    Finding(check: check, verdict: .failed, text: text, remedy: remedy)
  }
}
