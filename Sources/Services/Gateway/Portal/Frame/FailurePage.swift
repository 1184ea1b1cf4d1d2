import Backend
package import Edge
import HTTPTypes
import ServiceAPI

/// What went wrong for a person who is known, so that the page about it keeps their frame.
struct FramedProblem: ProblemConvertible {
  let problem: Problem
  let visitor: Visitor
  /// Where the form was that was sent; nil when there was none.
  let page: String?
}

extension Portal {
  /// A page that says what happened, whether anything was lost, and the one way on.
  package func failure(
    _ problem: Problem, _ error: any Error, _ exchange: Exchange
  ) async -> Response {
    let framed = error as? FramedProblem
    let audience = await audience(framed, problem, exchange)
    let failure = Failure(problem, exchange, page: framed?.page, audience)
    var frame = Frame(title: failure.heading)
    frame.audience = audience
    frame.formToken =
      framed?.visitor.csrfToken.flatMap { try? TokenMask.masked($0) } ?? ""
    frame.preferences = preferences(exchange)
    frame.mayCompress = ContentCoding.acceptsGzip(exchange.headers)
    var response = renderer.page(
      "failure",
      [
        "heading": failure.heading, "explanation": failure.explanation,
        "safety": failure.safety as Any, "way": failure.way, "wayText": failure.wayText,
        "requestID": exchange.requestID,
      ], in: frame, status: problem.status)
    for field in problem.headers { response.headers[field.name] = field.value }
    return response
  }

  /// Whom the page is for. `auth` isn't asked again when something is not answering: it may be what
  /// the person has waited for already.
  private func audience(
    _ framed: FramedProblem?, _ problem: Problem, _ exchange: Exchange
  ) async -> Frame.Audience {
    if let framed { return .of(framed.visitor) }
    guard cookies.session.value(in: exchange.headers) != nil else { return .stranger }
    guard problem.status.kind != .serverError else { return .unknown }
    do {
      let visitor = try await authenticator.pageVisitor(of: exchange)
      return visitor.map { .of($0) } ?? .stranger
    } catch {
      return .unknown
    }
  }
}

/// What the page about a failure says.
private struct Failure {
  let heading: String
  let explanation: String
  /// Whether anything was lost; nil where nobody would ask.
  var safety: String?
  var way = "/"
  var wayText = "Go to the start page"

  init(_ problem: Problem, _ exchange: Exchange, page: String?, _ audience: Frame.Audience) {
    let email: String? = if case .person(let email, _) = audience { email } else { nil }
    heading =
      problem.status == .forbidden && exchange.method.isSafe
      ? "Not for this account" : Self.heading(problem)
    explanation = Self.explanation(problem)
    if email != nil { wayText = "Go to the overview" }
    let isReading = exchange.method.isSafe
    switch problem.status {
    case .serviceUnavailable, .gatewayTimeout, .tooManyRequests:
      if isReading {
        safety = "Nothing was lost."
        (way, wayText) = (exchange.target.text, "Try again")
      } else if let page {
        safety = "It is not known whether it was done: look before you send it again."
        (way, wayText) = (page, "Look")
      }
    case .forbidden where page != nil:
      safety = "Nothing was changed." + (email.map { " You are logged in as \($0)." } ?? "")
      (way, wayText) = (page ?? way, "Back to the form")
    case .insufficientStorage: safety = "What you have stored is safe."
    case _ where problem.status.kind == .serverError && !isReading:
      safety = "It is not known whether it was done: look before you send it again."
    default: break
    }
  }

  private static func heading(_ problem: Problem) -> String {
    switch problem.status {
    case .notFound: "Page not found"
    case .forbidden: "This form is out of date"
    case .methodNotAllowed: "This address only takes a form"
    case .serviceUnavailable, .gatewayTimeout: "Something is not answering"
    case .tooManyRequests: "Too many tries"
    case .insufficientStorage: "There is no room left"
    case _ where problem.status.kind == .serverError: "Something went wrong"
    // Not each status has a name.
    default:
      problem.status.reasonPhrase.isEmpty ? "That did not work" : problem.status.reasonPhrase
    }
  }

  private static func explanation(_ problem: Problem) -> String {
    switch problem.status {
    case .notFound: "It may have been deleted, or belong to another account."
    case .methodNotAllowed:
      "A form sends something here; typed in or bookmarked, the address shows nothing."
    case .serviceUnavailable, .gatewayTimeout:
      "A part of the portal can't be reached right now. Please try again soon."
    case .tooManyRequests:
      problem.headers[.retryAfter].map { "Please try again in \($0) seconds." }
        ?? "Please wait a little."
    case .insufficientStorage:
      "The portal's storage is full, so nothing can be saved right now. Please try again later; "
        + "whoever runs the portal has been told."
    case _ where problem.status.kind == .serverError:
      "The fault is ours. It has been noted under the number below."
    default: sentence(problem.detail)
    }
  }

  private static func sentence(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "The request can't be answered." }
    return String(first).uppercased() + text.unicodeScalars.dropFirst().map(String.init).joined()
      + "."
  }
}
