import Cryptography
import Postgres
import Testing

@Suite struct ConfigurationTests {
  @Test func aURLIsReadAsLibpqReadsIt() throws {
    let configuration = try PostgresConfiguration(
      url: "postgresql://vault:p%40ss@db1:5433,db2/portal?sslmode=require"
        + "&target_session_attrs=read-write")
    let parameters = Dictionary(
      uniqueKeysWithValues: configuration.parameters.map { ($0.name, $0.value) })
    #expect(
      parameters == [
        "user": "vault", "host": "db1,db2", "port": "5433,", "dbname": "portal",
        "sslmode": "require", "target_session_attrs": "read-write",
      ])
  }

  @Test func thePasswordIsNotPrinted() throws {
    let configuration = try PostgresConfiguration(
      url: SecretBytes(utf8: "postgres://vault:hunter2@/portal"))
    #expect("\(configuration)" == "user=vault dbname=portal")
    var dumped = ""
    dump(configuration, to: &dumped)
    #expect(!dumped.contains("hunter2"))
    #expect(!String(reflecting: configuration).contains("hunter2"))
  }

  @Test(arguments: [
    "", "vault@db", "mysql://db", "postgres://vault:a%zz@db/x", "postgres://db/x?hunter2=1",
    "postgres://db/x\0?sslmode=disable",
  ])
  func anythingElseIsRefusedWithoutRepeatingIt(url: String) {
    let error = #expect(throws: PostgresConfigurationError.self) {
      try PostgresConfiguration(url: url)
    }
    #expect(error?.description.contains("hunter2") == false)
  }
}
