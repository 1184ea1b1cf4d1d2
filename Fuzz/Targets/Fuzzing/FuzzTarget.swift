import CLibFuzzer

/// A program that libFuzzer feeds; `@main` on a conforming type is all that it takes.
package protocol FuzzTarget {
  /// Does something with the input and returns, unless a property doesn't hold.
  static func test(_ input: inout Input)
}

/// What libFuzzer's callback, which captures nothing, hands the input to.
private nonisolated(unsafe) var current: (inout Input) -> Void = { _ in }

extension FuzzTarget {
  /// Hands the process over to libFuzzer and its command line.
  package static func main() {
    current = test
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    let status = withUnsafeMutablePointer(to: &arguments) { arguments in
      LLVMFuzzerRunDriver(&count, arguments) { start, count in
        var input = Input(start, count)
        current(&input)
        return 0
      }
    }
    require(status == 0, "libFuzzer understands its arguments")
  }
}
