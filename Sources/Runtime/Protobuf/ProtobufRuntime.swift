/// Names the agreement between generated code and this module.
package enum ProtobufRuntime {
  /// Renamed whenever generated code must be made anew.
  package enum Version1 {}
}
