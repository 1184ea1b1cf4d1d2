package import Edge
import HTTPTypes
package import HummingbirdCore
import NIOCore

/// Draws pages from the compiled-in templates.
package struct PageRenderer: Sendable {
  /// Everything around a page's own content.
  struct Frame: Sendable {
    struct Section: Sendable {
      let name: String
      let href: String
      let isCurrent: Bool
    }

    let title: String
    /// The path of the section that the page belongs to.
    var section = ""
    /// Nil for strangers.
    var email: String?
    /// Goes into every form of the page.
    var formToken = ""
    var notice: Notice?
  }

  private static let sections = [
    (name: "Provider keys", href: "/providers"), (name: "Access tokens", href: "/access-tokens"),
    (name: "Audit log", href: "/audit"),
  ]

  private let library: TemplateLibrary
  let assets = StaticAssets()

  /// Throws for a malformed template: a bug of the build.
  package init() throws {
    var library = TemplateLibrary()
    for (name, bytes) in Self.templates {
      let text = String(decoding: bytes, as: UTF8.self)
      try library.register(text, named: name)
    }
    self.library = library
  }

  /// A whole page; `content` is what the template's names refer to.
  func page(
    _ template: String, _ content: [String: Any], in frame: Frame,
    status: HTTPResponse.Status = .ok
  ) -> Response {
    var content = content
    content["formToken"] = frame.formToken
    let body = library.render(content, withTemplate: template) ?? ""
    let html =
      library.render(
        [
          "title": frame.title, "body": body, "formToken": frame.formToken,
          "email": frame.email as Any, "notice": frame.notice?.text as Any,
          "stylesheet": assets.stylesheet.path, "mark": assets.mark.path,
          "sections": Self.sections.map {
            Frame.Section(name: $0.name, href: $0.href, isCurrent: $0.href == frame.section)
          },
        ].compactMapValues(TemplateValue.present), withTemplate: "layout") ?? ""
    return Response(
      status: status, headers: [.contentType: "text/html; charset=utf-8"],
      body: .init(byteBuffer: ByteBuffer(string: html)))
  }

  /// A page that says what went wrong; works without knowing who is there.
  package func failure(_ problem: Problem, requestID: String) -> Response {
    var response = page(
      "failure",
      [
        "heading": Self.heading(of: problem), "explanation": Self.explanation(of: problem),
        "requestID": requestID,
      ],
      in: Frame(title: problem.status.reasonPhrase), status: problem.status)
    for field in problem.headers { response.headers[field.name] = field.value }
    return response
  }

  private static func heading(of problem: Problem) -> String {
    switch problem.status {
    case .notFound: "There is nothing here"
    case .forbidden: "That was refused"
    case .serviceUnavailable, .gatewayTimeout: "Something is not answering"
    case .tooManyRequests: "Too many tries"
    case _ where problem.status.kind == .serverError: "Something went wrong"
    default: problem.status.reasonPhrase
    }
  }

  private static func explanation(of problem: Problem) -> String {
    switch problem.status {
    case .notFound: "The page does not exist, or it is not yours."
    case .serviceUnavailable, .gatewayTimeout:
      "A part of the portal can't be reached right now. Nothing was lost; please try again soon."
    case _ where problem.status.kind == .serverError:
      "The fault is ours. It has been noted under the number below."
    default: problem.detail.isEmpty ? "The request can't be answered." : problem.detail + "."
    }
  }

  private static let templates: [(String, [UInt8])] = [
    ("access-token-created", PackageResources.access_token_created_mustache),
    ("access-token-revoke", PackageResources.access_token_revoke_mustache),
    ("access-tokens", PackageResources.access_tokens_mustache),
    ("audit", PackageResources.audit_mustache),
    ("choice", PackageResources.choice_mustache),
    ("csrf", PackageResources.csrf_mustache),
    ("failure", PackageResources.failure_mustache),
    ("field", PackageResources.field_mustache),
    ("landing", PackageResources.landing_mustache),
    ("layout", PackageResources.layout_mustache),
    ("log-in", PackageResources.log_in_mustache),
    ("mistakes", PackageResources.mistakes_mustache),
    ("provider-delete", PackageResources.provider_delete_mustache),
    ("provider-edit", PackageResources.provider_edit_mustache),
    ("provider-new", PackageResources.provider_new_mustache),
    ("providers", PackageResources.providers_mustache),
    ("sign-up", PackageResources.sign_up_mustache),
  ]
}
