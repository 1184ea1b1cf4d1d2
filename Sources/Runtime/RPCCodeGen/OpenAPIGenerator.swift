/// Prints an OpenAPI 3.1 document of every method that has an HTTP route.
///
/// The document says what the gateway does: what can't be read from a `.proto` file (credentials,
/// statuses of errors, the shape of a problem) is said here.
struct OpenAPIGenerator {
  private let files: [ProtoFile]
  private let schemas: OpenAPISchemas
  private let openMethods: Set<String>
  private let answers: [String: [(status: Int, message: String)]]

  /// - Parameters:
  ///   - openMethods: full names of methods that anybody may call.
  ///   - answers: all successes of methods that have others than the usual one, by full name.
  init(
    _ files: [ProtoFile], openMethods: Set<String>,
    answers: [String: [(status: Int, message: String)]]
  ) {
    self.files = files
    self.openMethods = openMethods
    self.answers = answers
    schemas = OpenAPISchemas(files)
  }

  func print() throws(GeneratorError) -> String {
    var paths: [(String, [(String, JSONDocument)])] = []
    var tags: [JSONDocument] = []
    var used: Set<String> = []
    for file in files {
      for service in file.services {
        let routes = service.methods.flatMap { method in method.rules.map { (method, $0) } }
        guard !routes.isEmpty else { continue }
        tags.append(
          .object([("name", .text(service.name)), ("description", .text(service.comment.line))]))
        for (method, rule) in routes {
          let operation = try operation(method, rule, of: service, &used)
          let path = rule.template
          let member = (rule.verb.lowercased(), operation)
          if let index = paths.firstIndex(where: { $0.0 == path }) {
            paths[index].1.append(member)
          } else {
            paths.append((path, [member]))
          }
        }
      }
    }
    let document = JSONDocument.object([
      ("openapi", "3.1.0"),
      ("info", Self.information), ("servers", .list([.object([("url", "/")])])),
      ("security", Self.security), ("tags", .list(tags)),
      ("paths", .object(paths.map { ($0.0, .object($0.1)) })),
      (
        "components",
        .object([
          ("schemas", .object(try schemas.components(used) + [("Problem", Self.problem)])),
          ("responses", .object(Self.responses)), ("securitySchemes", Self.securitySchemes),
        ])
      ),
    ])
    return document.print() + "\n"
  }

  // MARK: Operations

  private func operation(
    _ method: ProtoMethod, _ rule: ProtoHTTPRule, of service: ProtoService,
    _ used: inout Set<String>
  ) throws(GeneratorError) -> JSONDocument {
    let name = "\(service.fullName).\(method.name)"
    let variables = schemas.variables(of: rule.template)
    let isOpen = openMethods.contains(name)
    var members: [(String, JSONDocument)] = [
      ("operationId", .text(Names.decapitalised(method.name))),
      ("tags", .list([.text(service.name)])),
      ("summary", .text(method.comment.firstSentence)),
      ("description", .text(method.comment.line)),
    ]
    if isOpen { members.append(("security", .list([]))) }
    let parameters = try schemas.parameters(
      of: method.input, inPath: variables, hasQuery: rule.body.isEmpty, &used)
    if !parameters.isEmpty { members.append(("parameters", .list(parameters))) }
    if !rule.body.isEmpty {
      members.append(
        ("requestBody", try schemas.body(of: method.input, without: variables, &used)))
    }
    members.append(
      ("responses", .object(try responses(method, rule, of: service, variables, &used))))
    return .object(members)
  }

  private func responses(
    _ method: ProtoMethod, _ rule: ProtoHTTPRule, of service: ProtoService, _ variables: [String],
    _ used: inout Set<String>
  ) throws(GeneratorError) -> [(String, JSONDocument)] {
    var successes: [(String, JSONDocument)] = []
    if let answers = answers["\(service.fullName).\(method.name)"] {
      for answer in answers {
        successes.append(
          ("\(answer.status)", try success(answer.status, answer.message, &used)))
      }
    } else if rule.verb == "DELETE" {
      successes = [("204", .object([("description", "Done.")]))]
    } else {
      let status = method.name.hasPrefix("Create") ? 201 : 200
      successes = [("\(status)", try success(status, method.output, &used))]
    }
    var statuses = [400, 401, 403, 404, 405, 408, 409, 429, 500, 503, 504]
    if !rule.body.isEmpty { statuses += [413, 415] }
    return successes
      + statuses.sorted().map { status in
        ("\(status)", .object([("$ref", .text("#/components/responses/\(status)"))]))
      }
  }

  private func success(
    _ status: Int, _ message: String, _ used: inout Set<String>
  ) throws(GeneratorError) -> JSONDocument {
    .object([
      ("description", status == 201 ? "Made." : "The answer."),
      (
        "content",
        .object([
          (
            "application/json",
            .object([("schema", try schemas.reference(to: message, &used))])
          )
        ])
      ),
    ])
  }
}

/// What is the same for every operation.
extension OpenAPIGenerator {
  private static let information = JSONDocument.object([
    ("title", "Chatelaine"), ("version", "1"),
    (
      "description",
      .text(
        "The JSON API of the portal, in proto3 JSON. Requests come with an access token, or with "
          + "the session cookie and, where something changes, its CSRF token.")
    ),
  ])

  private static let security = JSONDocument.list([
    .object([("accessToken", .list([]))]),
    .object([("session", .list([])), ("csrfToken", .list([]))]),
  ])

  private static let securitySchemes = JSONDocument.object([
    (
      "accessToken",
      .object([
        ("type", "http"), ("scheme", "bearer"),
        (
          "description",
          .text(
            "An access token, which begins with chat_. Managing keys and tokens needs the scope "
              + "MANAGE, the audit log READ_AUDIT, a test of a key USE or MANAGE.")
        ),
      ])
    ),
    (
      "session",
      .object([
        ("type", "apiKey"), ("in", "cookie"), ("name", "__Host-chatelaine-session"),
        (
          "description",
          "The cookie that a log-in sets; without __Host- where the portal is not reached by HTTPS."
        ),
      ])
    ),
    (
      "csrfToken",
      .object([
        ("type", "apiKey"), ("in", "header"), ("name", "X-CSRF-Token"),
        (
          "description",
          "What a log-in answers as csrfToken; with each change that a session makes."
        ),
      ])
    ),
  ])

  /// Every status that any route may answer, and when (docs/api.md has the same table).
  private static let statuses: [(Int, String)] = [
    (400, "Bad input; `errors` names the field and its limit."),
    (401, "No valid credential."),
    (403, "The credential lacks the right, or a change by session came without its CSRF token."),
    (404, "There is no such thing, or it is another person's."),
    (405, "The address takes other methods: those in `Allow`."),
    (408, "The body came too slowly."),
    (409, "It is there already, or not in a state for this."),
    (413, "The body is too large."),
    (415, "The body is not application/json."),
    (429, "Too often; `Retry-After` says how many seconds to wait."),
    (500, "A fault of the portal, noted under `requestId`."),
    (503, "A service or the database can't be reached."),
    (504, "A service did not answer in time."),
  ]

  private static let responses: [(String, JSONDocument)] = statuses.map { status, description in
    (
      "\(status)",
      .object([
        ("description", .text(description)),
        (
          "content",
          .object([
            (
              "application/problem+json",
              .object([("schema", .object([("$ref", "#/components/schemas/Problem")]))])
            )
          ])
        ),
      ])
    )
  }

  private static func property(_ type: String, _ description: String) -> JSONDocument {
    .object([("type", .text(type)), ("description", .text(description))])
  }

  private static let problem = JSONDocument.object([
    ("type", "object"), ("description", "Why there is no other answer (RFC 9457)."),
    (
      "properties",
      .object([
        ("type", property("string", "Always about:blank: the status says what kind it is.")),
        ("title", property("string", "The status in words.")),
        ("status", property("integer", "The status.")),
        ("detail", property("string", "A sentence for a person.")),
        ("requestId", property("string", "Names the request in the operator's log.")),
        (
          "errors",
          .object([
            ("type", "array"), ("description", "What is wrong with which field."),
            (
              "items",
              .object([
                ("type", "object"),
                (
                  "properties",
                  .object([
                    ("field", property("string", "Its name in the request.")),
                    ("detail", property("string", "Its limit.")),
                  ])
                ),
                ("required", .list(["field", "detail"])),
              ])
            ),
          ])
        ),
      ])
    ),
    ("required", .list(["type", "title", "status", "requestId"])),
  ])
}

extension String {
  /// A comment on one line.
  var line: String {
    split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// Up to the first full stop, without it.
  var firstSentence: String {
    let line = line
    guard let end = line.firstRange(of: ". ") else {
      return line.hasSuffix(".") ? String(line.dropLast()) : line
    }
    return String(line[..<end.lowerBound])
  }
}
