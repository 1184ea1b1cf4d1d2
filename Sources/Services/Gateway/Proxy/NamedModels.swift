import Edge
import Encodings
package import Identity
import Protobuf

/// The models that a request names, as far as the proxy can read them, for access tokens that are
/// limited to some.
///
/// They stand in the path (`/models/…`, `/deployments/…` and the like), in the query (`model`), or
/// in a body that is JSON: `model`, `models` where a router takes several, or what else providers
/// call it. All of them count: some back end reads another one than the limit was held against.
/// The whole body must be seen, because a second `model` further down would be the one that counts
/// for some readers; so it may have no more than `bodyBytesMax`. What can't be read is refused: a
/// request that makes something and names no model may use any.
package struct NamedModels: Sendable {
  /// Bytes of a body that is looked into.
  package static let bodyBytesMax = 1 << 20
  private static let parentSegments = [
    "models", "deployments", "model", "engines", "tunedModels", "endpoints", "dynamic",
  ]
  /// What some providers call the model in a body: small letters, without `_`.
  private static let otherNames: Set<String> = [
    "modelid", "version", "speechmodel", "engine", "deployment",
  ]
  private static let prefix = "models/"

  /// Why a request isn't let through.
  package enum Refusal: Error, Hashable {
    /// The first model that the token is not for.
    case other(String)
    /// It may use a model that nobody can see.
    case unnamed
    /// Its body is no JSON, or is written in a way that readers understand differently.
    case unreadable
    case tooLarge
    /// What is said on a WebSocket is not looked into.
    case webSocket
  }

  private(set) var inPath: [String] = []
  private(set) var inQuery: [String] = []
  private(set) var inBody: [String] = []

  /// - Parameters:
  ///   - path: at the provider, as the client wrote it.
  ///   - query: without the question mark.
  package init(path: String, query: String?) {
    let segments = path.split(atByte: "/").map { PercentCoding.decode($0) ?? "" }
    for (parent, segment) in zip(segments, segments.dropFirst())
    where Self.parentSegments.contains(parent) {
      inPath.append(Self.withoutVerb(segment))
    }
    for parameter in (query ?? "").split(atByte: "&") {
      let parts = parameter.split(atByte: "=", maxSplits: 1, omittingEmpty: false)
      guard parts.count == 2, PercentCoding.decode(parts[0]) == "model" else { continue }
      inQuery.append(PercentCoding.decode(parts[1]) ?? "")
    }
  }

  /// Whether a body of this type is JSON for whoever reads it: some find a form in the same bytes.
  package static func isJSON(_ contentType: String) -> Bool {
    let type = contentType.split(atByte: ";", maxSplits: 1, omittingEmpty: false)[0]
      .trimmingBlanks().lowercasedASCII()
    return type.hasBytes(of: "application/json") || type.endsWithBytes(of: "+json")
  }

  /// Reads a body that says that it is JSON.
  package mutating func read(_ body: [UInt8]) throws(Refusal) {
    let value: JSONValue
    do {
      value = try JSONParser.parse(body)
    } catch {
      throw .unreadable
    }
    guard case .object(let members) = value else { throw .unnamed }
    for member in members {
      let name = member.name.lowercasedASCII().split(atByte: "_").joined()
      switch name {
      case "model", "models":
        // Readers that take `Model` for the same would see another one than we do.
        guard member.name.hasBytes(of: name) else { throw .unreadable }
      case _ where Self.otherNames.contains(name): break
      default: continue
      }
      switch member.value {
      case .null: break
      case .string(let model) where name != "models": inBody.append(model)
      case .array(let models) where name == "models":
        for model in models {
          guard case .string(let model) = model else { throw .unreadable }
          inBody.append(model)
        }
      default: throw .unreadable
      }
    }
  }

  /// Throws unless all that is named is within the limits, and something is where it must be.
  package func check(_ limits: AccessLimits, isSafe: Bool) throws(Refusal) {
    for name in inPath + inQuery + inBody where !limits.allow(model: Self.bare(name)) {
      throw .other(name)
    }
    // A query says nothing to a provider that reads the body.
    guard isSafe || !(inPath + inBody).isEmpty else { throw .unnamed }
  }

  /// Google's verbs stand behind a colon; names may have one too, e.g. of Bedrock: `…-v1:0`.
  private static func withoutVerb(_ segment: String) -> String {
    guard let colon = segment.utf8.lastIndex(of: UInt8(ascii: ":")) else { return segment }
    let verb = segment.utf8[segment.utf8.index(after: colon)...]
    let isVerb =
      !verb.isEmpty
      && verb.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        default: false
        }
      }
    return isVerb ? String(segment[..<colon]) : segment
  }

  /// Google's own clients write `models/gemini-…` in bodies.
  private static func bare(_ name: String) -> String {
    name.utf8.starts(with: prefix.utf8)
      ? String(Substring(name.utf8.dropFirst(prefix.utf8.count))) : name
  }
}
