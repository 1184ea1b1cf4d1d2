import RPC
import Testing

@Suite struct MetadataTests {
  @Test func pairsKeepTheirOrderAndMayRepeat() throws {
    var metadata = Metadata()
    #expect(metadata.isEmpty)
    try metadata.append("1", forKey: "a")
    try metadata.append([9, 8], forKey: "b-bin")
    try metadata.append("2", forKey: "a")
    #expect(
      metadata.entries == [
        .init(key: "a", value: .ascii("1")), .init(key: "b-bin", value: .binary([9, 8])),
        .init(key: "a", value: .ascii("2")),
      ])
    #expect(metadata["a"] == "1")
    #expect(metadata.bytes("b-bin") == [9, 8])
    #expect(metadata["b-bin"] == nil)
    #expect(metadata.bytes("a") == nil)
    #expect(metadata["c"] == nil)
  }

  @Test(arguments: ["", "A", "a b", "a:b", "ü", "grpc-x", "x-bin"])
  func keysThatHTTP2WouldNotCarryAreRefused(_ key: String) {
    var metadata = Metadata()
    #expect(throws: MetadataError.self) { try metadata.append("x", forKey: key) }
    #expect(metadata.isEmpty)
  }

  @Test(arguments: ["a\r\nb", "\u{7F}", "é", "\0"])
  func valuesAreVisibleASCII(_ value: String) {
    var metadata = Metadata()
    #expect(throws: MetadataError.valueIsNotVisibleASCII(key: "k")) {
      try metadata.append(value, forKey: "k")
    }
  }

  @Test func aTextKeyTakesNoBytes() {
    var metadata = Metadata()
    #expect(throws: MetadataError.invalidKey("k")) { try metadata.append([1], forKey: "k") }
  }

  @Test func protocolFieldsAreNoMetadata() throws {
    var metadata = Metadata()
    for name in [":path", "te", "content-type", "user-agent", "grpc-timeout", "grpc-x-bin"] {
      try append(&metadata, name, "x")
    }
    #expect(metadata.isEmpty)
  }

  @Test func joinedBinaryValuesAreSeparated() throws {
    var metadata = Metadata()
    try append(&metadata, "k-bin", "AQ,Ag==,")
    #expect(metadata.entries.map(\.value) == [.binary([1]), .binary([2]), .binary([])])
  }

  @Test func unprintableTextIsSkipped() throws {
    var metadata = Metadata()
    try append(&metadata, "k", "caf\u{E9}")
    #expect(metadata.isEmpty)
  }

  private func append(_ metadata: inout Metadata, _ name: String, _ value: String) throws {
    var copy = metadata
    try Array(name.utf8).withUnsafeBytes { name in
      try Array(value.utf8).withUnsafeBytes { value in
        try copy.appendField(name: name, value: value)
      }
    }
    metadata = copy
  }
}
