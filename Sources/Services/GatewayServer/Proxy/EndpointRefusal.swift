/// Why the gateway does not connect to an endpoint; the text may be shown to the user who chose it.
enum EndpointRefusal: Error, Hashable, CustomStringConvertible {
  case malformed(String)
  case needsHTTPS
  /// A name that can only mean a machine in this network.
  case localName
  case address(String)
  case unresolvable
  case resolverBusy

  var description: String {
    switch self {
    case .malformed(let reason): reason
    case .needsHTTPS: "must begin with https://, unless the operator allows this host and port"
    case .localName:
      "names a host of the operator's own network, which the operator has not allowed"
    case .address(let kind): "leads to \(kind), which the operator has not allowed"
    case .unresolvable: "names a host that could not be found"
    case .resolverBusy: "could not be looked up right now"
    }
  }
}
