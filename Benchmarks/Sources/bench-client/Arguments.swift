/// What the command line says.
struct Arguments {
  /// The methods of `bench.Bench`.
  enum Method: String {
    case get, source, sink, echo
  }

  let port: Int
  let method: Method
  let tasks: Int
  let isOnLoop: Bool
  let duration: Duration
  let chunkBytes: Int

  /// Nil when the words are not six of the right kinds.
  init?(_ words: some Collection<String>) {
    let words = Array(words)
    guard words.count == 6, let port = Int(words[0]), let method = Method(rawValue: words[1]),
      let tasks = Int(words[2]), ["loop", "pool"].contains(words[3]),
      let seconds = Int(words[4]), let chunkBytes = Int(words[5])
    else { return nil }
    self.port = port
    self.method = method
    self.tasks = tasks
    isOnLoop = words[3] == "loop"
    duration = .seconds(seconds)
    self.chunkBytes = chunkBytes
  }
}
