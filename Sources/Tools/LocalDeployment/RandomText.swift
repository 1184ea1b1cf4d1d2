import Foundation

/// Random text from the kernel's generator.
enum RandomText {
  private static let passwordBytes = 32

  /// 256 bits as 43 characters of base64url: safe in URLs, SQL literals and password files.
  static func password() throws -> String {
    var bytes = [UInt8](repeating: 0, count: passwordBytes)
    guard getentropy(&bytes, bytes.count) == 0 else {
      throw DeploymentError.environment("the kernel's random generator failed")
    }
    return Data(bytes).base64EncodedString()
      .replacingOccurrences(of: "+", with: "-")
      .replacingOccurrences(of: "/", with: "_")
      .replacingOccurrences(of: "=", with: "")
  }
}
