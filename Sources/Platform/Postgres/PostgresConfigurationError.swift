/// Why a connection URL was refused; holds no part of the URL, which may be the password.
package enum PostgresConfigurationError: Error, Equatable, CustomStringConvertible {
  /// Does not begin with `postgres://` or `postgresql://`.
  case unknownScheme
  /// libpq cannot read it: an unknown option, or a reserved character that is not percent-encoded.
  case malformed

  package var description: String {
    switch self {
    case .unknownScheme: "a connection URL begins with postgres:// or postgresql://"
    case .malformed:
      "not a connection URL that libpq can read; reserved characters, also in the password, must be"
        + " percent-encoded"
    }
  }
}
