/// What `--chatelaine_opt` sets: `module=NAME,c_module=NAME`.
struct GeneratorParameters {
  /// The module that the files will be part of, which they must not import.
  var module = "ServiceAPI"
  /// Where protobuf-c's structs of these files are.
  var cModule = "CMessages"

  init(_ text: String) throws(GeneratorError) {
    for pair in text.split(separator: ",") {
      let parts = pair.split(separator: "=", maxSplits: 1)
      switch (parts.first, parts.last) {
      case ("module", let name?): module = String(name)
      case ("c_module", let name?): cModule = String(name)
      default: throw .unsupported(element: String(pair), reason: "there is no such option")
      }
    }
  }
}
