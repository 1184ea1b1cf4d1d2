import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct ValueTests {
  @Test func everyTypeComesBackAsItWent() async throws {
    try await withClient { client in
      try await expectRoundTrip("naïve 🗝 'quoted' \\ $1", client)
      try await expectRoundTrip("", client)
      try await expectRoundTrip(Int.min, client)
      try await expectRoundTrip(Int32.max, client)
      try await expectRoundTrip(true, client)
      try await expectRoundTrip(-0.1, client)
      try await expectRoundTrip(UUID(), client)
      try await expectRoundTrip([UInt8](0...255), client)
      try await expectRoundTrip([UInt8](), client)
      try await expectRoundTrip(
        PostgresTimestamp(microsecondsSinceEpoch: 1_767_225_600_123_456), client)
      try await expectRoundTrip(PostgresTimestamp(microsecondsSinceEpoch: -1), client)
      try await expectRoundTrip(Date(timeIntervalSince1970: 1_767_225_600.25), client)
      try await expectRoundTrip(PostgresJSON(#"{"a": [1, null]}"#), client)
      try await expectRoundTrip(["a", "", "b,c", "{d}"], client)
      try await expectRoundTrip([Int](), client)
      try await expectRoundTrip([1, -2, .max], client)
      try await expectRoundTrip([Int32(7)], client)
      try await expectRoundTrip([UUID(), UUID()], client)
    }
  }

  @Test func nullIsNilAndNothingElse() async throws {
    try await withClient { client in
      let nothing: String? = nil
      let row = try #require(
        try await client.rows("SELECT \(nothing) AS a, \(7 as Int?) AS b, NULL::uuid AS c").first)
      #expect(try row.decode("a", as: String?.self) == nil)
      #expect(try row.decode("b", as: Int?.self) == 7)
      #expect(try row.decode("c", as: UUID?.self) == nil)
      #expect(throws: PostgresError.decoding(column: "a", detail: "is null")) {
        try row.decode("a", as: String.self)
      }
    }
  }

  @Test func aColumnOfAnotherTypeIsAnErrorAndNoTrap() async throws {
    try await withClient { client in
      let row = try #require(
        try await client.rows("SELECT 'x'::text AS a, 5000000000 AS b, ARRAY[NULL]::text[] AS c")
          .first)
      #expect(throws: PostgresError.decoding(column: "a", detail: "has type 25")) {
        try row.decode("a", as: Int.self)
      }
      #expect(throws: PostgresError.decoding(column: "b", detail: "does not fit Int32")) {
        try row.decode("b", as: Int32.self)
      }
      #expect(throws: PostgresError.decoding(column: "c", detail: "has a NULL in its array")) {
        try row.decode("c", as: [String].self)
      }
      #expect(throws: PostgresError.decoding(column: "d", detail: "is not in the result")) {
        try row.decode("d", as: Int.self)
      }
      #expect(throws: PostgresError.decoding(column: "#9", detail: "is not in the result")) {
        try row.decode(9, as: Int.self)
      }
    }
  }

  @Test func narrowerIntegersAreWidened() async throws {
    try await withClient { client in
      let row = try #require(try await client.rows("SELECT 1::int2 AS a, 2::int4 AS b").first)
      #expect(try row.decode("a", as: Int.self) == 1)
      #expect(try row.decode("b", as: Int.self) == 2)
    }
  }

  @Test func aMebibyteIsBoundAndComesBack() async throws {
    let value = [UInt8](repeating: 0xA5, count: 1 << 20)
    try await withClient { client in
      let back = try await client.first(
        "SELECT \(value) AS value, length(\(value)) AS length"
      ) { row throws(PostgresError) in
        (try row.decode("value", as: [UInt8].self), try row.decode("length", as: Int.self))
      }
      #expect(back?.0 == value)
      #expect(back?.1 == value.count)
    }
  }

  private func expectRoundTrip<Value: PostgresEncodable & PostgresDecodable & Equatable>(
    _ value: Value, _ client: PostgresClient
  ) async throws {
    let back = try await client.first("SELECT \(value) AS value") { row throws(PostgresError) in
      try row.decode("value", as: Value.self)
    }
    #expect(back == value)
  }
}
