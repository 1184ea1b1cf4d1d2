/// Ends the process when a property doesn't hold: libFuzzer then keeps the input and reports.
package func require(
  _ holds: Bool, _ property: @autoclosure () -> String, file: StaticString = #file,
  line: UInt = #line
) {
  guard holds else { fatalError(property(), file: file, line: line) }
}

/// Fails as `require` does when `body` throws.
package func requireNoError<Value>(
  _ property: @autoclosure () -> String, file: StaticString = #file, line: UInt = #line,
  _ body: () throws -> Value
) -> Value {
  do {
    return try body()
  } catch {
    fatalError("\(property()): \(error)", file: file, line: line)
  }
}
