/// Goes through JSON that comes in pieces and tells of the strings and whole numbers at the places
/// that a `Plan` knows. It keeps a few hundred bytes, whatever comes.
///
/// It finds numbers in what a provider has made; it is no check. What isn't JSON ends it without a
/// word, values beside the plan are passed over, and a text that follows a whole value is the next
/// value, as in newline-delimited JSON.
struct JSONWalker<Plan: JSONPlan>: Sendable {
  /// Objects and arrays inside one another; what is deeper ends the walk.
  static var depthMax: Int { 128 }
  /// Bytes of a name that may mean something.
  static var nameBytesMax: Int { 40 }
  /// Bytes of a string that is told of.
  static var stringBytesMax: Int { 128 }
  /// Digits of a number that is told of.
  static var digitsMax: Int { 15 }

  private enum Mode: Sendable {
    /// A value, the end of its container, or blanks before either.
    case value
    /// A name, or the end of the object.
    case name
    case colon
    case commaOrEnd
    case inString
    case escaped
    case inNumber
    /// `true`, `false`, `null`.
    case inWord
    case broken
  }

  private struct Level: Sendable {
    let place: Plan.Place
    let isObject: Bool
  }

  private(set) var plan: Plan
  private var mode = Mode.value
  private var levels: [Level] = []
  /// Of the string that is being read, up to what is kept of one.
  private var text: [UInt8] = []
  private var isTextWhole = true
  private var isName = false
  /// The name of the value that comes next; empty for one that means nothing.
  private var name: [UInt8] = []
  private var number = 0
  private var digits = 0
  private var isWhole = true

  init(_ plan: Plan) {
    self.plan = plan
    levels.reserveCapacity(16)
    text.reserveCapacity(Self.stringBytesMax)
    name.reserveCapacity(Self.nameBytesMax)
  }

  /// Whether nothing will be told any more, before `begin`.
  var isBroken: Bool { if case .broken = mode { true } else { false } }

  /// Leaves what was begun: a new text follows.
  mutating func begin() {
    mode = .value
    levels.removeAll(keepingCapacity: true)
  }

  mutating func read(_ bytes: UnsafeRawBufferPointer) {
    var index = 0
    while index < bytes.count {
      switch mode {
      case .broken: return
      case .inString:
        index = readString(bytes, from: index)
        continue
      default: step(bytes[index])
      }
      index += 1
    }
  }

  /// Most of what comes is text that means nothing here, so this is the loop that must be quick.
  private mutating func readString(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var end = start
    while end < bytes.count, bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\") {
      end += 1
    }
    if isTextWhole { keep(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) }
    guard end < bytes.count else { return end }
    if bytes[end] == UInt8(ascii: "\\") {
      // No name and no word that matters is written with an escape.
      isTextWhole = false
      mode = .escaped
    } else {
      endString()
    }
    return end + 1
  }

  private mutating func keep(_ part: UnsafeRawBufferPointer) {
    guard text.count + part.count <= (isName ? Self.nameBytesMax : Self.stringBytesMax) else {
      isTextWhole = false
      return
    }
    text.append(contentsOf: part)
  }

  private mutating func step(_ byte: UInt8) {
    if case .inNumber = mode, readNumber(byte) { return }
    if case .inWord = mode, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) { return }
    switch mode {
    case .inNumber, .inWord: mode = .commaOrEnd
    case .escaped:
      mode = .inString
      return
    default: break
    }
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): break
    default: structure(byte)
    }
  }

  private mutating func structure(_ byte: UInt8) {
    switch (mode, byte) {
    case (.commaOrEnd, _) where levels.isEmpty:
      mode = .value
      structure(byte)
    case (.value, UInt8(ascii: "{")): open(isObject: true)
    case (.value, UInt8(ascii: "[")): open(isObject: false)
    case (.value, UInt8(ascii: "\"")): beginString(isName: false)
    case (.value, UInt8(ascii: "0")...UInt8(ascii: "9")), (.value, UInt8(ascii: "-")):
      (number, digits, isWhole) = (0, 0, true)
      mode = .inNumber
      _ = readNumber(byte)
    case (.value, UInt8(ascii: "a")...UInt8(ascii: "z")): mode = .inWord
    case (.value, UInt8(ascii: "]")), (.commaOrEnd, UInt8(ascii: "]")): close(isObject: false)
    case (.name, UInt8(ascii: "}")), (.commaOrEnd, UInt8(ascii: "}")): close(isObject: true)
    case (.name, UInt8(ascii: "\"")): beginString(isName: true)
    case (.colon, UInt8(ascii: ":")): mode = .value
    case (.commaOrEnd, UInt8(ascii: ",")): mode = levels.last?.isObject == true ? .name : .value
    default: mode = .broken
    }
  }

  private mutating func open(isObject: Bool) {
    guard levels.count < Self.depthMax else {
      mode = .broken
      return
    }
    levels.append(Level(place: place(isObject: isObject), isObject: isObject))
    mode = isObject ? .name : .value
  }

  /// Where the container that opens is.
  private func place(isObject: Bool) -> Plan.Place {
    guard let parent = levels.last else { return Plan.root }
    return parent.isObject
      ? Plan.place(of: name, in: parent.place, isObject: isObject)
      : Plan.place(ofElementIn: parent.place)
  }

  private mutating func close(isObject: Bool) {
    guard levels.last?.isObject == isObject else {
      mode = .broken
      return
    }
    levels.removeLast()
    mode = .commaOrEnd
  }

  private mutating func beginString(isName: Bool) {
    text.removeAll(keepingCapacity: true)
    // Where nothing is told of, nothing is kept either.
    isTextWhole =
      levels.last.map { $0.isObject && Plan.matters($0.place) && (isName || !name.isEmpty) }
      ?? false
    self.isName = isName
    mode = .inString
  }

  private mutating func endString() {
    if isName {
      name.removeAll(keepingCapacity: true)
      if isTextWhole { name.append(contentsOf: text) }
      mode = .colon
      return
    }
    mode = .commaOrEnd
    guard isTextWhole, let level = levels.last, level.isObject, !name.isEmpty else { return }
    plan.found(text, at: name, in: level.place)
  }

  /// Whether the byte belongs to the number.
  private mutating func readNumber(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      digits += 1
      if digits > Self.digitsMax { isWhole = false }
      if isWhole { number = number * 10 + Int(byte - UInt8(ascii: "0")) }
    case UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"),
      UInt8(ascii: "E"):
      isWhole = false
    default:
      endNumber()
      return false
    }
    return true
  }

  private mutating func endNumber() {
    guard isWhole, let level = levels.last, level.isObject, !name.isEmpty else { return }
    plan.found(number, at: name, in: level.place)
  }
}

/// Which places of a JSON text mean something, and what is done with what is there.
protocol JSONPlan: Sendable {
  /// A kind of object; one that stands for all that mean nothing.
  associatedtype Place: Sendable

  /// Where a text begins.
  static var root: Place { get }

  /// Where the value `name` of an object is.
  static func place(of name: [UInt8], in parent: Place, isObject: Bool) -> Place

  static func place(ofElementIn parent: Place) -> Place

  /// False for the place that stands for all that mean nothing; what is in it means nothing either.
  static func matters(_ place: Place) -> Bool

  mutating func found(_ number: Int, at name: [UInt8], in place: Place)
  mutating func found(_ text: [UInt8], at name: [UInt8], in place: Place)
}
