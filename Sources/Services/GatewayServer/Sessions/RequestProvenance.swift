import HTTPTypes

/// Refuses state changes that a browser says come from another site.
///
/// Browsers set `Origin` and `Sec-Fetch-Site` themselves and pages can't change them. A program
/// that sends neither is not a browser and holds no cookie by accident.
struct RequestProvenance: Sendable {
  /// `scheme://host[:port]` of PUBLIC_URL, lower case.
  let publicOrigin: String

  func check(_ request: HTTPRequest) throws(Problem) {
    let refusal = Problem(.forbidden, "the request was sent from another site")
    let site = request.headerFields[.fetchSite]
    if let site, site != "same-origin", site != "none" { throw refusal }
    guard let origin = request.headerFields[.origin]?.lowercased() else { return }
    guard origin != publicOrigin else { return }
    // Reached under another name, e.g. localhost: then the browser's Host says so too.
    guard let host = request.authority?.lowercased(), !host.isEmpty,
      origin == "http://\(host)" || origin == "https://\(host)"
    else { throw refusal }
  }
}
