import Backend
import Cryptography
import Edge
import HTTPTypes
import Logging
import Protobuf
import RPC
import ServiceAPI

/// After whatever changes how a person gets in, their session goes on under another token: whoever
/// has seen the one before, from before there was a second factor or in an old password's time, has
/// nothing.
extension Portal {
  /// Answers a form that has made such a change; what the answer seals for the session is sealed
  /// for the new token.
  ///
  /// The change stands when the rotation fails: then the session goes on as it was, and the log
  /// says so.
  func rotating(
    _ visitor: Visitor, _ exchange: Exchange, _ answer: (Visitor) throws -> Response
  ) async throws -> Response {
    let rotated: AuthAPI.RotateSessionResponse
    do {
      rotated = try await services.auth.rotateSession(
        AuthAPI.RotateSessionRequest(), options: visitor.options(for: exchange))
    } catch {
      exchange.logger.warning("a session could not be given another token")
      return try answer(visitor)
    }
    var response = try answer(
      visitor.going(onUnder: SecretBytes(utf8: rotated.sessionToken)))
    let session = AuthAPI.CreateSessionResponse(
      sessionToken: rotated.sessionToken, expireTime: rotated.expireTime)
    response.headers.append(cookie: SessionCookieText.of(session, cookies: cookies))
    return response
  }
}
