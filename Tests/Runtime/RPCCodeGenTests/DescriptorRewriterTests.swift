import RPCCodeGen
import Testing

@Suite struct DescriptorRewriterTests {
  private typealias Make = DescriptorBuilder

  /// The field descriptors of the first message of the first file.
  private static func fields(of set: [UInt8]) -> [[Int: PluginResponse.Value]] {
    guard let file = children(set, 1).first, let message = children(file, 4).first else {
      return []
    }
    return children(message, 2).map { field in
      Dictionary(PluginResponse.fields(field).map { ($0.number, $0.value) }) { $1 }
    }
  }

  private static func children(_ bytes: [UInt8], _ number: Int) -> [[UInt8]] {
    PluginResponse.fields(bytes).compactMap { field in
      if field.number == number, case .bytes(let child) = field.value { child } else { nil }
    }
  }

  private static func rewrite(_ message: [UInt8]) throws -> [UInt8] {
    try DescriptorRewriter.rewrite(Make.field(1, Make.file("a.proto", message).bytes))
  }

  @Test func stringsBecomeBytes() throws {
    let fields = Self.fields(
      of: try Self.rewrite(
        Make.message("M", Make.scalar("text", 1, type: 9), Make.scalar("number", 2, type: 5))))
    #expect(fields.map { $0[5] } == [.number(12), .number(5)])
    #expect(fields.map { $0[3] } == [.number(1), .number(2)])
  }

  @Test func optionalBecomesItsOneof() throws {
    let field = Make.scalar("text", 1, type: 9, Make.varint(9, 0) + Make.varint(17, 1))
    let set = try Self.rewrite(Make.message("M", field, Make.field(8, Make.text(1, "_text"))))
    let rewritten = try #require(Self.fields(of: set).first)
    #expect(rewritten[17] == nil)
    #expect(rewritten[9] == .number(0))
  }

  @Test func mapsBecomeRepeatedEntries() throws {
    let entry = Make.message(
      "TagsEntry", number: 3, Make.scalar("key", 1, type: 9), Make.scalar("value", 2, type: 9),
      Make.field(7, Make.varint(7, 1)))
    let set = try Self.rewrite(
      Make.message("M", Make.reference("tags", 1, to: ".M.TagsEntry", label: 3), entry))
    let message = try #require(Self.children(Self.children(set, 1)[0], 4).first)
    let rewritten = try #require(Self.children(message, 3).first)
    #expect(Self.children(rewritten, 7).allSatisfy { PluginResponse.fields($0).isEmpty })
  }

  @Test func deprecatedFieldsAreFieldsLikeOthers() throws {
    let options = Make.field(8, Make.varint(3, 1) + Make.varint(2, 1))
    let set = try Self.rewrite(Make.message("M", Make.scalar("old", 1, type: 5, options)))
    let rewritten = try #require(Self.fields(of: set).first)
    #expect(rewritten[8] == .bytes(Make.varint(2, 1)))
  }

  @Test func malformedBytesAreRefused() {
    #expect(throws: GeneratorError.self) { try DescriptorRewriter.rewrite([0x0A, 0x05, 0x01]) }
  }
}
