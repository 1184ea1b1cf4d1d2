import Cryptography

/// One numbered step of a schema, which never changes once it has been released.
package struct Migration: Sendable {
  /// 1, 2, 3, … without gaps.
  package let number: Int
  /// E.g. `accounts`.
  package let name: String
  /// Any number of statements; no BEGIN or COMMIT, as the migrator runs it in one transaction.
  package let sql: String

  package init(number: Int, name: String, sql: String) {
    self.number = number
    self.name = name
    self.sql = sql
  }

  /// For a file that the package manager embedded, e.g. `PackageResources._0001_accounts_sql`.
  package init(number: Int, name: String, sql: [UInt8]) {
    self.init(number: number, name: name, sql: String(decoding: sql, as: UTF8.self))
  }

  /// SHA-256 of the SQL, which the database remembers.
  package var checksum: [UInt8] { SHA256Digest.hash([UInt8](sql.utf8)) }
}
