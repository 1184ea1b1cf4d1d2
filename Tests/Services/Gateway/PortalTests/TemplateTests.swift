import Testing

@testable import Portal

@Suite struct TemplateTests {
  private struct Person {
    let name: String
    var age: Int?
    var isAdmin = false
    var tags: [String] = []
  }

  private func draw(
    _ text: String, _ content: Any, partials: [String: String] = [:]
  ) throws -> String {
    var library = TemplateLibrary()
    for (name, partial) in partials { try library.register(partial, named: name) }
    try library.register(text, named: "page")
    return try #require(library.render(content, withTemplate: "page"))
  }

  @Test func namesAreReplacedAndEscaped() throws {
    #expect(
      try draw("<a>{{ x }}</a>{{{x}}}{{y}}", ["x": "<&'\">"])
        == "<a>&lt;&amp;&#39;&quot;&gt;</a><&'\">")
    #expect(
      try draw("{{count}} {{flag}}", ["count": 7, "flag": true] as [String: Any]) == "7 true")
    #expect(try draw("plain } { text", [:]) == "plain } { text")
  }

  @Test func valuesHaveTheirPropertiesAsNames() throws {
    let people = [
      Person(name: "Ann", age: 3), Person(name: "Bob", isAdmin: true, tags: ["x", "y"]),
    ]
    let text = """
      {{#people}}{{name}}{{#age}}:{{.}}{{/age}}{{^age}}?{{/age}}{{#isAdmin}}!{{/isAdmin}}\
      {{#tags}}<{{.}}>{{/tags}};{{/people}}{{people.name}}
      """
    #expect(try draw(text, ["people": people]) == "Ann:3;Bob?!<x><y>;")
  }

  @Test(arguments: [
    ("{{#a}}yes{{/a}}{{^a}}no{{/a}}", "no"),
    ("{{#empty}}yes{{/empty}}{{^empty}}no{{/empty}}", "no"),
    ("{{#off}}yes{{/off}}{{^off}}no{{/off}}", "no"), ("{{#on}}yes{{/on}}{{^on}}no{{/on}}", "yes"),
    ("{{#text}}{{.}}{{/text}}{{^text}}no{{/text}}", "t"),
    ("{{#none}}yes{{/none}}{{^none}}no{{/none}}", "no"),
    ("{{#list}}{{.}},{{/list}}{{^list}}no{{/list}}", "1,2,"),
    ("{{#inner}}{{text}}{{own}}{{/inner}}", "to"), ("{{inner.own}}{{inner.text}}", "o"),
  ])
  func sectionsAreDrawnForWhatIsThere(_ text: String, _ expected: String) throws {
    let content: [String: Any] = [
      "empty": [String](), "off": false, "on": true, "text": "t", "none": String?.none as Any,
      "list": [1, 2], "inner": ["own": "o"],
    ]
    #expect(try draw(text, content) == expected)
  }

  @Test func aLineWithNothingButASectionsTagIsNone() throws {
    let text =
      "<ul>\n  {{#list}}\n<li>{{.}}</li>\n{{/list}}\n{{! nothing }}\n</ul>\n{{^list}}\r{{/list}}"
    #expect(try draw(text, ["list": ["a", "b"]]) == "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n")
    #expect(try draw("a {{#on}}\nb\n{{/on}} c", ["on": true]) == "a \nb\n c")
  }

  @Test func partialsSeeWhatIsAround() throws {
    let text = "{{#list}}\n{{>row}}\n{{/list}}\n{{>nobody}}end"
    #expect(
      try draw(
        text, ["list": ["a", "b"], "sign": "!"] as [String: Any],
        partials: ["row": "<{{.}}{{sign}}>\n"]) == "<a!>\n<b!>\nend")
  }

  @Test func aTemplateThatDrawsItselfEnds() throws {
    let text = try draw("x{{>page}}", [:])
    #expect(text == String(repeating: "x", count: TemplateLibrary.depthMax + 1))
  }

  @Test(arguments: [
    ("{{#a}}", Template.Malformed.unclosedSection("a")), ("a\n{{/a}}", .wrongEnd("a", line: 2)),
    ("{{#a}}{{#b}}{{/a}}{{/b}}", .wrongEnd("a", line: 1)), ("\n\n{{a", .unclosedTag(line: 3)),
    ("{{{a}}", .unclosedTag(line: 1)), ("{{", .unclosedTag(line: 1)),
    ("{{=<% %>=}}", .unknownTag("=", line: 1)), ("{{$a}}{{/a}}", .unknownTag("$", line: 1)),
  ])
  func whatIsNoTemplateIsRefused(_ text: String, _ expected: Template.Malformed) {
    #expect(throws: expected) { try Template(text) }
  }

  @Test func whatIsJoinedWithATagIsNoPartOfIt() throws {
    #expect(
      try draw("\u{301}{{x}}\u{301}", ["x": "a"]).unicodeScalars.map(\.value) == [
        0x301, 0x61, 0x301,
      ])
  }
}
