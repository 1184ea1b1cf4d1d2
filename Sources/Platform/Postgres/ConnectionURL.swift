internal import CLibPQ
import Cryptography
import Glibc

/// Reads libpq's connection URLs with libpq itself.
enum ConnectionURL {
  static func parse(
    _ url: String
  ) throws(PostgresConfigurationError) -> ([PostgresConfiguration.Parameter], SecretBytes?) {
    guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
      throw .unknownScheme
    }
    // libpq reads up to the first NUL.
    guard !url.utf8.contains(0) else { throw .malformed }
    var message: UnsafeMutablePointer<CChar>?
    // The message may quote the URL, so it is dropped.
    defer { PQfreemem(message) }
    guard let options = PQconninfoParse(url, &message) else { throw .malformed }
    defer { PQconninfoFree(options) }

    var parameters: [PostgresConfiguration.Parameter] = []
    var password: SecretBytes?
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        let name = String(cString: keyword)
        if name == "password" {
          password = SecretBytes(
            copying: UnsafeRawBufferPointer(start: value, count: strlen(value)))
        } else {
          parameters.append(.init(name: name, value: String(cString: value)))
        }
      }
      option += 1
    }
    return (parameters, password)
  }
}
