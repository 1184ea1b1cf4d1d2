import Addresses
import Edge
import Egress
import FoundationEssentials
import NIOSSL
import ServiceRuntime

/// The settings of the gateway.
struct GatewayConfiguration: ServiceConfiguration {
  static let name = "gateway"

  let authAddress: NetworkAddress
  let vaultAddress: NetworkAddress
  let auditAddress: NetworkAddress
  /// `scheme://host[:port]`, lower case.
  let publicOrigin: String
  let endpointAllowList: EndpointAllowList
  let trustedProxies: TrustedProxies
  let upstreamLimits: UpstreamLimits
  /// Whose pages may call the proxy and the JSON API.
  var crossOrigin = CrossOriginAccess()
  /// Not a setting.
  var clientTimeouts = ClientTimeouts()
  /// Not a setting: who vouches for providers' certificates. The system's authorities by default.
  var upstreamTrustRoots = NIOSSLTrustRoots.default

  /// Whether browsers reach the portal by HTTPS.
  var isSecure: Bool { publicOrigin.beginsWithBytes(of: "https://") }

  init(
    authAddress: NetworkAddress, vaultAddress: NetworkAddress, auditAddress: NetworkAddress,
    publicOrigin: String, endpointAllowList: EndpointAllowList = EndpointAllowList(),
    trustedProxies: TrustedProxies = TrustedProxies(),
    upstreamLimits: UpstreamLimits = UpstreamLimits()
  ) {
    self.authAddress = authAddress
    self.vaultAddress = vaultAddress
    self.auditAddress = auditAddress
    self.publicOrigin = publicOrigin
    self.endpointAllowList = endpointAllowList
    self.trustedProxies = trustedProxies
    self.upstreamLimits = upstreamLimits
  }

  init(from reader: inout ConfigurationReader) throws(ConfigurationError) {
    authAddress = reader.address("AUTH_ADDRESS", doc: "host:port of the service auth.")
    vaultAddress = reader.address("VAULT_ADDRESS", doc: "host:port of the service vault.")
    auditAddress = reader.address("AUDIT_ADDRESS", doc: "host:port of the service audit.")
    let publicURL = reader.url(
      "PUBLIC_URL",
      doc: "Where browsers reach the portal, e.g. https://keys.example.com. "
        + "With https, cookies are for HTTPS only and browsers are told to stay with it.")
    endpointAllowList = Self.allowList(&reader)
    trustedProxies = Self.proxies(&reader)
    upstreamLimits = Self.limits(&reader)
    crossOrigin = Self.crossOrigin(&reader)
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
    limits.idleTimeout = reader.duration(
      "UPSTREAM_IDLE_TIMEOUT", default: limits.idleTimeout, in: .seconds(1)...(.seconds(3_600)),
      doc: "How long a provider may stay silent before its request is given up.")
    limits.requestBytesMax = reader.integer(
      "PROXY_BODY_BYTES_MAX", default: limits.requestBytesMax, in: 1_024...(1 << 30),
      doc: "The largest request body that is passed on to a provider, in bytes.")
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
