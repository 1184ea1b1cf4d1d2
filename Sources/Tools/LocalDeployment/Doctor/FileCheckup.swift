import CLinux
import Cryptography
import Foundation
import OpenSSL

/// The files of a deployment: who may read them, how much room they have, whether keys and
/// certificates are what they should be.
struct FileCheckup {
  private static let secondsPerDay = 86_400
  private static let certificateNames =
    ServiceName.allCases.map(\.rawValue) + [ServiceName.operatorCertificate]

  /// Holds everything.
  private let directory: String
  private let secretFiles: [String]
  private let keyring: KeyringFile
  private let certificates: [(name: String, path: String)]
  /// What mends a certificate.
  private let renewal: String

  init(_ state: StateDirectory) {
    directory = state.path
    secretFiles = [
      state.masterKeyFile, state.accountKeyFile, state.assertionSigningKeyFile,
      state.logSigningKeyFile,
    ]
    keyring = KeyringFile(state)
    certificates = Self.certificateNames.map { ($0, state.certificatePaths(of: $0).certificate) }
    renewal = "chatelaine up renews them at its start and daily: see what it reports"
  }

  init(_ layout: SecretsLayout) {
    directory = layout.path
    secretFiles = [
      layout.masterKeyFile, layout.accountKeyFile, layout.assertionSigningKeyFile,
      layout.logSigningKeyFile,
    ]
    keyring = KeyringFile(layout)
    certificates = Self.certificateNames.map { ($0, layout.certificatePaths(of: $0).certificate) }
    renewal = "run chatelaine certificates renew --secrets-dir \(layout.path), daily"
  }

  func findings() -> [Finding] { [files(), disk(), masterKey(), leafCertificates()] }

  private func files() -> Finding {
    var status = stat()
    guard stat(directory, &status) == 0 else {
      return .failed("files", "\(SecretFile.failure(directory))", do: "see who may read it")
    }
    if status.st_mode & 0o066 != 0 {
      return .failed(
        "files", "others may look into \(directory)", do: "chmod go-rw \(directory)")
    }
    for path in secretFiles {
      guard stat(path, &status) == 0 else {
        return .failed(
          "files", "\(SecretFile.failure(path))",
          do: "put it back from where you keep it; without it, what depends on it is lost")
      }
      if status.st_mode & 0o007 != 0 {
        return .failed("files", "everybody may open \(path)", do: "chmod o-rwx \(path)")
      }
    }
    return .well("files", "nobody else may read the secrets in \(directory)")
  }

  private func disk() -> Finding {
    guard let space = DiskWatch.space(of: directory) else {
      return .failed("disk", "\(SecretFile.failure(directory))", do: "see whether it is mounted")
    }
    let text = "\(space.availableBytes >> 20) MiB (\(space.percent) %) are free"
    return space.isLow
      ? .warning(
        "disk", text, do: "make room: when the disk of \(directory) is full, nothing can be stored")
      : .well("disk", text)
  }

  private func masterKey() -> Finding {
    do {
      let ring = try keyring.read()
      let former = ring.count == 1 ? "" : ", \(ring.count - 1) former"
      return .well("master key", (ring.first?.identifier ?? "") + former)
    } catch {
      return .failed("master key", "\(error)", do: "put back the file that you keep of it")
    }
  }

  private func leafCertificates() -> Finding {
    let now = time(nil)
    var soonest: (name: String, days: Int)?
    var due: [String] = []
    for (name, path) in certificates {
      guard let pem = try? SecretFile.read(path), let certificate = try? Certificate(pem: pem)
      else {
        return .failed("certificates", "\(path) is missing or no certificate", do: renewal)
      }
      let contents = CertificateContents(certificate)
      let days = (contents.notAfter - now) / Self.secondsPerDay
      guard contents.notAfter > now else {
        return .failed("certificates", "that of \(name) has run out", do: renewal)
      }
      if contents.isDue(at: now) { due.append("\(name) (\(days) days)") }
      if days < soonest?.days ?? .max { soonest = (name, days) }
    }
    if !due.isEmpty {
      return .warning(
        "certificates", "less than a third of its life is left to \(due.joined(separator: ", "))",
        do: renewal)
    }
    return .well(
      "certificates",
      "valid; the next to end is \(soonest?.name ?? "none") "
        + "in \(soonest?.days ?? 0) days")
  }
}

/// The machine: whether the programs are there and the clock is right.
struct MachineCheckup {
  let binaries: String

  func findings() -> [Finding] { [programs(), Self.clock()] }

  private func programs() -> Finding {
    let missing = ServiceName.allCases.map(\.rawValue)
      .filter { access("\(binaries)/\($0)", X_OK) != 0 }
    guard missing.isEmpty else {
      return .failed(
        "programs", "\(missing.joined(separator: ", ")) can't be run from \(binaries)",
        do: "build or install the services beside the program chatelaine")
    }
    return .well("programs", "auth, vault, audit and gateway are in \(binaries)")
  }

  /// One-time codes and sessions need the right time; so do certificates.
  private static func clock() -> Finding {
    clinux_clock_is_synchronized() == 1
      ? .well("clock", "is kept right by a time service")
      : .warning(
        "clock", "the kernel knows of no time service that keeps it right",
        do: "run one (systemd-timesyncd, chrony), here or on the host of this container; "
          + "codes of authenticator apps fail when it is off by more than a minute")
  }
}
