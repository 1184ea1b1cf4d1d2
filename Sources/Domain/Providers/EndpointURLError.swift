/// Why a base URL is refused; the text may be shown to the user who sent it.
package enum EndpointURLError: Error, Equatable, CustomStringConvertible {
  case tooLong, invalidCharacter, unsupportedScheme, userInformation, queryOrFragment
  case missingHost, invalidHost, internationalHost, ambiguousAddress, invalidPort, invalidPath

  package var description: String {
    switch self {
    case .tooLong: "must have at most \(EndpointURL.bytesMax) bytes"
    case .invalidCharacter: "must not contain spaces, control characters or backslashes"
    case .unsupportedScheme: "must begin with https:// or http://"
    case .userInformation: "must not contain a user name or password"
    case .queryOrFragment: "must not contain a query or a fragment"
    case .missingHost: "must name a host"
    case .invalidHost: "names a malformed host"
    case .internationalHost: "must name the host in ASCII (xn--…)"
    case .ambiguousAddress: "must write an IPv4 address as four decimal numbers"
    case .invalidPort: "must have a port from 1 to 65535"
    case .invalidPath: "has a malformed path"
    }
  }
}
