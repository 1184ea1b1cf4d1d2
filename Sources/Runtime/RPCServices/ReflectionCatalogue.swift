internal import Protobuf
internal import Synchronization

/// What reflection knows: the services, their `.proto` files and everything that those import.
///
/// Files are decoded at the first question about them and then kept: a server that nobody asks pays
/// nothing.
final class ReflectionCatalogue: Sendable {
  /// Full names, sorted.
  let services: [String]
  private let roots: [ProtoFileDescriptor]
  private let index = Mutex<ReflectionIndex?>(nil)

  /// Either may hold duplicates.
  init(services: [String], files: [ProtoFileDescriptor]) {
    self.services = Set(services).sorted()
    roots = files
  }

  /// The packed file and, after it, those that it imports, directly or not.
  func files(named name: String) -> [[UInt8]]? {
    loaded().files(named: name)
  }

  func files(declaring symbol: String) -> [[UInt8]]? {
    let index = loaded()
    return index.symbols[symbol].flatMap { index.files(named: $0) }
  }

  func files(extending type: String, with number: Int32) -> [[UInt8]]? {
    let index = loaded()
    return index.extensions[type]?[number].flatMap { index.files(named: $0) }
  }

  /// Sorted; nil when there is no such message.
  func extensionNumbers(of type: String) -> [Int32]? {
    let index = loaded()
    guard index.messages.contains(type) else { return nil }
    return index.extensions[type]?.keys.sorted() ?? []
  }

  private func loaded() -> ReflectionIndex {
    index.withLock { index in
      if let index { return index }
      let made = ReflectionIndex(roots)
      index = made
      return made
    }
  }
}
