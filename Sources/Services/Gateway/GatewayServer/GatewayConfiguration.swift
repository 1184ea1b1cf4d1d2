import Addresses
import Cryptography
import Edge
import Egress
import FoundationEssentials
import ServiceRuntime
import TLS

/// The settings of the gateway.
struct GatewayConfiguration: ServiceConfiguration {
  static let name = "gateway"

  let authAddresses: [NetworkAddress]
  let vaultAddresses: [NetworkAddress]
  let auditAddresses: [NetworkAddress]
  /// `scheme://host[:port]`, lower case.
  let publicOrigin: String
  let endpointAllowList: EndpointAllowList
  let trustedProxies: TrustedProxies
  var upstreamLimits: UpstreamLimits
  /// Whose pages may call the proxy and the JSON API.
  var crossOrigin = CrossOriginAccess()
  /// Not a setting.
  var clientTimeouts = ClientTimeouts()
  /// Who vouches for providers' certificates.
  var upstreamAuthorities = TrustedAuthorities()
  /// The operator's way out; nil for a direct one.
  var outboundProxy: OutboundProxy?
  /// The portal's own certificate; nil where clients come in the clear.
  var portalTLS: TLSConfiguration?

  /// Whether browsers reach the portal by HTTPS.
  var isSecure: Bool { publicOrigin.beginsWithBytes(of: "https://") }

  init(
    authAddresses: [NetworkAddress], vaultAddresses: [NetworkAddress],
    auditAddresses: [NetworkAddress],
    publicOrigin: String, endpointAllowList: EndpointAllowList = EndpointAllowList(),
    trustedProxies: TrustedProxies = TrustedProxies(),
    upstreamLimits: UpstreamLimits = UpstreamLimits()
  ) {
    self.authAddresses = authAddresses
    self.vaultAddresses = vaultAddresses
    self.auditAddresses = auditAddresses
    self.publicOrigin = publicOrigin
    self.endpointAllowList = endpointAllowList
    self.trustedProxies = trustedProxies
    self.upstreamLimits = upstreamLimits
  }

  init(from reader: inout ConfigurationReader) throws(ConfigurationError) {
    authAddresses = reader.addresses(of: "auth", "AUTH_ADDRESS")
    vaultAddresses = reader.addresses(of: "vault", "VAULT_ADDRESS")
    auditAddresses = reader.addresses(of: "audit", "AUDIT_ADDRESS")
    let publicURL = reader.url(
      "PUBLIC_URL",
      doc: "Where browsers reach the portal, e.g. https://keys.example.com. "
        + "With https, cookies are for HTTPS only and browsers are told to stay with it.")
    endpointAllowList = Self.allowList(&reader)
    trustedProxies = Self.proxies(&reader)
    upstreamLimits = Self.limits(&reader)
    upstreamAuthorities.additionalFile = reader.optionalString(
      "CHATELAINE_UPSTREAM_CA_FILE",
      doc: "A PEM file with authorities that may vouch for providers' certificates, beside the "
        + "system's (SSL_CERT_FILE, SSL_CERT_DIR).")
    outboundProxy = Self.outboundProxy(&reader)
    crossOrigin = Self.crossOrigin(&reader)
    portalTLS = Self.portalTLS(&reader)
    publicOrigin = Self.origin(of: try reader.require(publicURL))
  }

  private static func allowList(_ reader: inout ConfigurationReader) -> EndpointAllowList {
    let variable = "CHATELAINE_ENDPOINT_ALLOWLIST"
    var list = EndpointAllowList()
    let entries = reader.list(
      variable,
      doc: "host:port, with commas between them, of endpoints in private networks that users may "
        + "have. They may use http too.")
    for entry in entries where !list.insert(entry) {
      reader.refuse(variable, "\(entry) is not host:port")
    }
    return list
  }

  private static func proxies(_ reader: inout ConfigurationReader) -> TrustedProxies {
    let variable = "TRUSTED_PROXIES"
    var blocks: [AddressBlock] = []
    let entries = reader.list(
      variable,
      doc: "Addresses or blocks such as 10.0.0.0/8, with commas between them, of the proxies whose "
        + "X-Forwarded-For and X-Request-Id are believed.")
    for entry in entries {
      guard let block = AddressBlock(entry) else {
        reader.refuse(variable, "\(entry) is neither an address nor a block of addresses")
        continue
      }
      blocks.append(block)
    }
    return TrustedProxies(blocks)
  }

  private static func outboundProxy(_ reader: inout ConfigurationReader) -> OutboundProxy? {
    let variable = "HTTPS_PROXY"
    // It may have a password in it.
    let url = reader.optionalSecret(
      variable,
      doc: "The proxy by which providers are reached, http://[user:password@]host:port. It looks "
        + "their names up, and its rules decide which addresses may be reached.")
    let exceptions = reader.optionalString(
      "NO_PROXY",
      doc: "Names (with those below them), addresses and blocks that are reached without the "
        + "proxy, with commas between them.")
    guard let url, url.count > 0 else { return nil }
    do {
      return try url.withUTF8String { try OutboundProxy($0, exceptions: exceptions ?? "") }
    } catch {
      reader.refuse(variable, "is not http://host:port")
      return nil
    }
  }

  private static func portalTLS(_ reader: inout ConfigurationReader) -> TLSConfiguration? {
    let keyVariable = "HTTPS_PRIVATE_KEY_FILE"
    let certificate = reader.optionalString(
      "HTTPS_CERTIFICATE_FILE",
      doc: "A PEM file with the portal's certificate chain, its own certificate first. With it the "
        + "portal speaks HTTPS, HTTP/2 too; the file is read again when it changes. Without, "
        + "clients come in the clear: leave TLS to a reverse proxy then.")
    let key = reader.optionalString(
      keyVariable, doc: "A PEM file with the private key of HTTPS_CERTIFICATE_FILE.")
    guard let certificate, !certificate.isEmpty else { return nil }
    guard let key, !key.isEmpty else {
      reader.refuse(keyVariable, "is needed with HTTPS_CERTIFICATE_FILE")
      return nil
    }
    return TLSConfiguration(
      webCertificateFile: certificate, privateKeyFile: key,
      applicationProtocols: EdgeServer.applicationProtocols)
  }

  private static func crossOrigin(_ reader: inout ConfigurationReader) -> CrossOriginAccess {
    let variable = CrossOriginAccess.variable
    var access = CrossOriginAccess()
    let entries = reader.list(
      variable,
      doc:
        "Origins such as https://chat.example.com, with commas between them, whose pages may call "
        + "the proxy and the JSON API with an access token; * for all. Not set means none.")
    for entry in entries where !access.allow(entry) {
      reader.refuse(variable, "\(entry) is not an origin: scheme://host[:port], without a path")
    }
    return access
  }

  private static func limits(_ reader: inout ConfigurationReader) -> UpstreamLimits {
    var limits = UpstreamLimits()
    limits.connectTimeout = reader.duration(
      "UPSTREAM_CONNECT_TIMEOUT", default: limits.connectTimeout,
      in: .milliseconds(100)...(.seconds(60)),
      doc: "How long connecting to a provider may take.")
    limits.answerTimeout = reader.duration(
      "UPSTREAM_ANSWER_TIMEOUT", default: limits.answerTimeout,
      in: .seconds(1)...(.seconds(7_200)),
      doc: "How long a provider may think before its answer begins. SDKs repeat a request that is "
        + "given up, and it is paid again.")
    limits.idleTimeout = reader.duration(
      "UPSTREAM_IDLE_TIMEOUT", default: limits.idleTimeout, in: .seconds(1)...(.seconds(7_200)),
      doc: "How long a provider may stay silent in the middle of an answer.")
    limits.connectionsPerHostMax = reader.integer(
      "UPSTREAM_CONNECTIONS_PER_HOST_MAX", default: limits.connectionsPerHostMax,
      in: 1...65_536,
      doc: "Connections to one host and port; more requests wait for one.")
    limits.offersHTTP2 =
      reader.parsed(
        "CHATELAINE_UPSTREAM_HTTP2", default: "on",
        doc: "Whether providers are offered HTTP/2, on or off. Those that don't speak it are "
          + "reached by HTTP/1.1 either way.", expected: "on or off",
        parse: { ["on": true, "off": false][$0] }) ?? true
    limits.requestBytesMax = reader.integer(
      "PROXY_BODY_BYTES_MAX", default: limits.requestBytesMax, in: 1_024...(1 << 36),
      doc: "The largest request body that is passed on to a provider, in bytes.")
    limits.requestsPerUserMax = reader.integer(
      "PROXY_REQUESTS_PER_USER_MAX", default: limits.requestsPerUserMax, in: 1...65_536,
      doc: "Requests to providers that one user may have under way; more are answered with 429.")
    return limits
  }

  /// As browsers write it in `Origin`: lower case, without the scheme's own port.
  static func origin(of url: URL) -> String {
    let scheme = (url.scheme ?? "http").lowercasedASCII()
    let host = (url.host() ?? "").lowercasedASCII()
    let bracketed = host.containsByte(":") && !host.beginsWithBytes(of: "[") ? "[\(host)]" : host
    let standard = scheme == "https" ? 443 : 80
    guard let port = url.port, port != standard else { return "\(scheme)://\(bracketed)" }
    return "\(scheme)://\(bracketed):\(port)"
  }
}
