import Encodings
import Protobuf
import RPCCodeGen
import Testing

/// The descriptors that generated files carry for reflection.
@Suite struct FileDescriptorTests {
  private typealias Make = DescriptorBuilder

  /// The bytes of the constant in a generated file.
  private static func embedded(in content: String) throws -> [UInt8] {
    let parts = content.split(separator: "\"\"\"")
    try #require(parts.count == 3)
    return try #require(
      Base64.standard.decode(parts[1].filter { !" \n\\".contains($0) }, padding: .optional))
  }

  @Test func aFileCarriesItsDescriptorWithoutComments() throws {
    let contents = Make.message("M", Make.scalar("name", 1, type: 9))
    let comment = Make.comment([4, 0], " Not for the wire.\n")
    let with = Make.file("some/dir/a_file.proto", contents, comment)
    let response = PluginResponse(Generator.respond(to: Make.request([with])))
    let content = try #require(response.files.first?.content)
    #expect(content.contains("package static let someDirAFile = ProtoFileDescriptor("))
    #expect(
      try Self.embedded(in: content) == Make.file("some/dir/a_file.proto", contents).bytes)
  }

  @Test func importsAreReferences() throws {
    let imported = Make.file("google/protobuf/empty.proto", Make.message("Empty"))
    let file = Make.file("a.proto", Make.text(3, imported.name), Make.message("M"))
    let response = PluginResponse(Generator.respond(to: Make.request([imported, file])))
    let content = try #require(response.files.first?.content)
    #expect(content.contains("dependencies: [.googleProtobufEmpty],"))
  }

  @Test func aFileThatOnlyReflectionServesMayBeAnything() throws {
    let file = Make.file(
      "old.proto", syntax: "proto2", Make.message("M", Make.scalar("g", 1, type: 10)))
    let response = PluginResponse(
      Generator.respond(
        to: Make.request([file], parameter: "module=Protobuf,only=descriptors")))
    #expect(response.error == nil)
    let content = try #require(response.files.first?.content)
    #expect(!content.contains("import"))
    #expect(try Self.embedded(in: content) == file.bytes)
  }
}
