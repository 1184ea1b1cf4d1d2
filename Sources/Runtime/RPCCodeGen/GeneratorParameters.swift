/// What `--chatelaine_opt` sets: `module=NAME,c_module=NAME,only=descriptors`.
struct GeneratorParameters {
  /// The module that the files will be part of, which they must not import.
  var module = "ServiceAPI"
  /// Where protobuf-c's structs of these files are.
  var cModule = "CMessages"
  /// No messages and services: for files whose messages are written by hand or never used, but that
  /// reflection serves because others import them.
  var isOnlyDescriptors = false

  init(_ text: String) throws(GeneratorError) {
    for pair in text.split(separator: ",") {
      let parts = pair.split(separator: "=", maxSplits: 1)
      switch (parts.first, parts.last) {
      case ("module", let name?): module = String(name)
      case ("c_module", let name?): cModule = String(name)
      case ("only", "descriptors"): isOnlyDescriptors = true
      default: throw .unsupported(element: String(pair), reason: "there is no such option")
      }
    }
  }
}
