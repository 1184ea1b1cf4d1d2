import Addresses
import Cryptography
import Foundation
import Testing

@testable import ServiceRuntime

@Suite struct ConfigurationReaderTests {
  /// A service with a setting of each kind.
  private struct Sample: ServiceConfiguration {
    static let name = "sample"
    let greeting: String
    let token: SecretBytes
    let number: Int
    let age: Duration
    let peer: NetworkAddress
    let hosts: [String]
    let url: URL

    init(from reader: inout ConfigurationReader) throws(ConfigurationError) {
      greeting = reader.string("GREETING", default: "hello", doc: "What is said first.")
      token = reader.secret("TOKEN", doc: "What opens the door.")
      number = reader.integer("NUMBER", in: 1...9, doc: "How many.")
      age = reader.duration("AGE", default: .seconds(60), in: .zero...(.seconds(3600)), doc: "Age.")
      peer = reader.address("PEER_ADDRESS", doc: "Where the other one is.")
      hosts = reader.list("HOSTS", doc: "Who may come.")
      let url = reader.url("URL", default: "http://localhost", doc: "Where it is.")
      self.url = try reader.require(url)
    }
  }

  private let valid = [
    "TOKEN": "s3cret", "NUMBER": "4", "PEER_ADDRESS": "audit:7000", "HOSTS": " a, b,,c ",
  ]

  private func load(_ environment: [String: String]) throws -> Sample {
    var reader = ConfigurationReader(environment: environment)
    return try Sample.load(&reader)
  }

  private func problems(_ environment: [String: String]) -> [String] {
    do throws(ConfigurationError) {
      var reader = ConfigurationReader(environment: environment)
      _ = try Sample.load(&reader)
      return []
    } catch {
      return error.problems.map(\.variable)
    }
  }

  @Test func settingsAndDefaultsAreRead() throws {
    let sample = try load(valid)
    #expect(sample.greeting == "hello")
    #expect(sample.token.constantTimeEquals(SecretBytes(utf8: "s3cret")))
    #expect(sample.number == 4)
    #expect(sample.age == .seconds(60))
    #expect(sample.peer == NetworkAddress(host: "audit", port: 7000))
    #expect(sample.hosts == ["a", "b", "c"])
    #expect(sample.url.absoluteString == "http://localhost")
  }

  @Test(arguments: [
    ("a:1", ["a:1"]), (" a:1 , [::1]:2", ["a:1", "[::1]:2"]), ("", []), ("a:1,", []), ("a,b:1", []),
  ])
  func aServiceMayHaveSeveralAddresses(text: String, addresses: [String]) throws {
    var reader = ConfigurationReader(environment: ["PEERS": text])
    let read = reader.addresses(of: "audit", "PEERS")
    guard !addresses.isEmpty else {
      #expect(throws: ConfigurationError.self) { try reader.finish() }
      return
    }
    try reader.finish()
    #expect(read.map(\.description) == addresses)
  }

  @Test func everythingWrongIsToldAtOnce() {
    #expect(problems([:]) == ["TOKEN", "NUMBER", "PEER_ADDRESS"])
    #expect(
      problems([
        "GREETING": "two\nlines", "NUMBER": "10", "AGE": "a while", "PEER_ADDRESS": "audit",
        "URL": "file:///etc/passwd",
      ]) == ["GREETING", "TOKEN", "NUMBER", "AGE", "PEER_ADDRESS", "URL"])
  }

  @Test func anEmptyVariableCountsAsNotSet() throws {
    #expect(try load(valid.merging(["GREETING": ""]) { $1 }).greeting == "hello")
    #expect(problems(valid.merging(["TOKEN": ""]) { $1 }) == ["TOKEN"])
  }

  @Test func aSecretComesFromAFileWithoutItsLineBreak() throws {
    for ending in ["", "\n", "\r\n"] {
      let file = try TemporaryFile("s3cret" + ending)
      var environment = valid
      environment["TOKEN"] = nil
      environment["TOKEN_FILE"] = file.path
      #expect(try load(environment).token.constantTimeEquals(SecretBytes(utf8: "s3cret")))
    }
  }

  @Test func aVariableAndItsFileTogetherAreRefused() throws {
    let file = try TemporaryFile("s3cret")
    #expect(problems(valid.merging(["TOKEN_FILE": file.path]) { $1 }) == ["TOKEN"])
  }

  @Test func anUnusableFileIsNamed() throws {
    var environment = valid
    environment["TOKEN"] = nil
    let empty = try TemporaryFile("\n")
    let large = try TemporaryFile(
      String(repeating: "x", count: ConfigurationReader.valueBytesMax + 1))
    for path in ["/nonexistent/secret", "/tmp", empty.path, large.path] {
      environment["TOKEN_FILE"] = path
      #expect(problems(environment) == ["TOKEN_FILE"])
    }
  }

  @Test func aSecretFileThatEverybodyMayReadIsWarnedOf() throws {
    let file = try TemporaryFile("s3cret", mode: 0o644)
    var environment = valid
    environment["TOKEN"] = nil
    environment["TOKEN_FILE"] = file.path
    var reader = ConfigurationReader(environment: environment)
    _ = try Sample.load(&reader)
    #expect(reader.warnings.map(\.variable) == ["TOKEN_FILE"])
  }

  @Test func noProblemRepeatsASecret() {
    var reader = ConfigurationReader(environment: ["KEY": "hunter2-hunter2"])
    let key = reader.secret("KEY", doc: "A key.", parse: { try Ed25519.SigningKey(pem: $0) })
    #expect(key == nil)
    #expect(throws: ConfigurationError.self) { try reader.finish() }
    do throws(ConfigurationError) {
      try reader.finish()
    } catch {
      #expect(!"\(error)".contains("hunter2"))
    }
  }

  @Test func theExampleFileIsMadeOfTheSameDeclarations() {
    let text = EnvironmentDocument.section(for: Sample.self)
    #expect(text.contains("\n# What is said first. Default: hello.\n#GREETING=hello\n"))
    #expect(
      text.contains(
        "\n# What opens the door. Required. Secret. TOKEN_FILE may name a file that holds it.\nTOKEN=\n"
      ))
    #expect(text.contains("\n# Who may come. Optional.\n#HOSTS=\n"))
    #expect(text.contains("LISTEN_ADDRESS="))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }
}

/// A file that goes away with its test.
final class TemporaryFile {
  let path: String

  init(_ text: String, mode: Int = 0o600) throws {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("chatelaine-\(UUID().uuidString)").path
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
