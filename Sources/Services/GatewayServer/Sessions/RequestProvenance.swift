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
    if let site, !site.hasBytes(of: "same-origin"), !site.hasBytes(of: "none") { throw refusal }
    guard let origin = request.headerFields[.origin]?.lowercasedASCII() else { return }
    guard !origin.hasBytes(of: publicOrigin) else { return }
    // Reached under another name, e.g. localhost: then the browser's Host says so too.
    guard let host = request.authority?.lowercasedASCII(), !host.isEmpty,
      origin.hasBytes(of: "http://\(host)") || origin.hasBytes(of: "https://\(host)")
    else { throw refusal }
  }
}
