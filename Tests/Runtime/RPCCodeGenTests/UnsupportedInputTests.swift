import RPCCodeGen
import Testing

/// What the generator can't do it refuses, and names the file and the element.
@Suite struct UnsupportedInputTests {
  private typealias Make = DescriptorBuilder

  private static func error(_ files: (name: String, bytes: [UInt8])...) -> String? {
    let response = PluginResponse(Generator.respond(to: Make.request(files)))
    #expect(response.files.isEmpty)
    return response.error
  }

  private static func expect(_ error: String?, names parts: String...) {
    for part in parts {
      #expect(error?.contains(part) == true, "\(error ?? "no error") does not name \(part)")
    }
  }

  @Test func proto2() {
    Self.expect(
      Self.error(Make.file("old.proto", syntax: "proto2", Make.message("M"))),
      names: "old.proto", "proto3")
  }

  @Test func aFileWithoutPackage() {
    Self.expect(
      Self.error(Make.file("bare.proto", package: "", Make.message("M"))), names: "bare.proto")
  }

  @Test func groups() {
    Self.expect(
      Self.error(Make.file("a.proto", Make.message("M", Make.scalar("g", 1, type: 10)))),
      names: "a.proto", "chatelaine.test.v1.M.g")
  }

  @Test func extensions() {
    let `extension` = Make.field(
      7,
      Make.text(1, "more") + Make.text(2, ".google.protobuf.MethodOptions") + Make.varint(3, 50_000)
        + Make.varint(4, 1) + Make.varint(5, 9))
    Self.expect(
      Self.error(Make.file("a.proto", `extension`)), names: "a.proto", "more")
  }

  @Test func namesThatGeneratedCodeNeedsForItself() {
    let nested = Make.enumeration("String", number: 4, [("ZERO", 0)])
    Self.expect(
      Self.error(Make.file("a.proto", Make.message("M", nested))), names: "a.proto", "String")
    Self.expect(
      Self.error(Make.file("a.proto", Make.message("RPCError"))), names: "a.proto", "RPCError")
  }

  @Test func packagesOfOneNamespace() {
    Self.expect(
      Self.error(
        Make.file("a.proto", package: "a.things.v1", Make.message("M")),
        Make.file("b.proto", package: "b.things.v2", Make.message("M"))),
      names: "a.things.v1", "b.things.v2", "namespace")
  }

  @Test func typesThatAreNotInTheRequest() {
    let field = Make.reference("f", 1, to: ".google.protobuf.BoolValue")
    Self.expect(
      Self.error(Make.file("a.proto", Make.message("M", field))),
      names: "a.proto", "google.protobuf.BoolValue")
  }

  @Test func messagesThatHoldThemselves() {
    let field = Make.reference("child", 1, to: ".chatelaine.test.v1.M")
    Self.expect(
      Self.error(Make.file("a.proto", Make.message("M", field))),
      names: "a.proto", "chatelaine.test.v1.M")
  }

  @Test func routesWithAnUnusualVerb() {
    let method = Make.method(
      "Get", from: ".chatelaine.test.v1.M", to: ".chatelaine.test.v1.M",
      Make.http(Make.field(8, Make.text(1, "HEAD"))))
    Self.expect(
      Self.error(Make.file("a.proto", Make.message("M"), Make.service("S", method))),
      names: "a.proto", "chatelaine.test.v1.S.Get")
  }

  @Test(arguments: ["/v1/{id}", "/v1/{name.first}", "/v1/{missing=*}"])
  func routesWithAVariableThatIsNoField(_ template: String) {
    let method = Make.method(
      "Get", from: ".chatelaine.test.v1.M", to: ".chatelaine.test.v1.M",
      Make.http(Make.text(2, template)))
    Self.expect(
      Self.error(Make.file("a.proto", Make.message("M"), Make.service("S", method))),
      names: "a.proto", "chatelaine.test.v1.S.Get", template)
  }
}
