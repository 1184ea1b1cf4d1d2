import Auth
import Callers
import Identity
import Protobuf
import RPC
import ServiceAPI
import UseCases

/// What admins and operators have done to other people's accounts, and the end of an account.
extension AuthHandler {
  func listUsers(
    _ request: AuthAPI.ListUsersRequest, context: ServerContext
  ) async throws -> AuthAPI.ListUsersResponse {
    let page = try await accounts.users(
      matching: request.email, size: Int(request.pageSize), pageToken: request.pageToken,
      for: context.principal(), from: context.origin)
    return AuthAPI.ListUsersResponse(
      users: page.elements.map { AuthAPI.User($0) }, nextPageToken: page.nextPageToken ?? "")
  }

  func inviteUser(
    _ request: AuthAPI.InviteUserRequest, context: ServerContext
  ) async throws -> AuthAPI.InviteUserResponse {
    let link = try await accounts.invite(
      email: request.email, for: context.principal(), from: context.origin)
    return AuthAPI.InviteUserResponse(link: link ?? "")
  }

  func setUserRole(
    _ request: AuthAPI.SetUserRoleRequest, context: ServerContext
  ) async throws -> AuthAPI.User {
    AuthAPI.User(
      try await accounts.setRole(
        Role(requested: request.role), of: request.user, for: context.principal(),
        from: context.origin))
  }

  func disableUser(
    _ request: AuthAPI.DisableUserRequest, context: ServerContext
  ) async throws -> AuthAPI.User {
    AuthAPI.User(
      try await accounts.disable(request.user, for: context.principal(), from: context.origin))
  }

  func enableUser(
    _ request: AuthAPI.EnableUserRequest, context: ServerContext
  ) async throws -> AuthAPI.User {
    AuthAPI.User(
      try await accounts.enable(request.user, for: context.principal(), from: context.origin))
  }

  func unlockUser(
    _ request: AuthAPI.UnlockUserRequest, context: ServerContext
  ) async throws -> AuthAPI.User {
    AuthAPI.User(
      try await accounts.unlock(request.user, for: context.principal(), from: context.origin))
  }

  func signOutUser(
    _ request: AuthAPI.SignOutUserRequest, context: ServerContext
  ) async throws -> AuthAPI.User {
    AuthAPI.User(
      try await accounts.signOut(request.user, for: context.principal(), from: context.origin))
  }

  func sendUserPasswordReset(
    _ request: AuthAPI.SendUserPasswordResetRequest, context: ServerContext
  ) async throws -> AuthAPI.SendUserPasswordResetResponse {
    let link = try await accounts.sendPasswordReset(
      to: request.user, for: context.principal(), from: context.origin)
    return AuthAPI.SendUserPasswordResetResponse(link: link ?? "")
  }

  // MARK: The end of an account

  func requestAccountDeletion(
    _ request: AuthAPI.RequestAccountDeletionRequest, context: ServerContext
  ) async throws -> AuthAPI.AccountDeletion {
    let time = try await accounts.requestDeletion(for: context.caller(), from: context.origin)
    return AuthAPI.AccountDeletion(deleteTime: Timestamp(time))
  }

  func deleteUser(
    _ request: AuthAPI.DeleteUserRequest, context: ServerContext
  ) async throws -> AuthAPI.User {
    AuthAPI.User(
      try await accounts.delete(
        request.user, atOnce: request.atOnce, for: context.principal(), from: context.origin))
  }

  func restoreUser(
    _ request: AuthAPI.RestoreUserRequest, context: ServerContext
  ) async throws -> AuthAPI.User {
    AuthAPI.User(
      try await accounts.restore(request.user, for: context.principal(), from: context.origin))
  }

  func listErasures(
    _ request: AuthAPI.ListErasuresRequest, context: ServerContext
  ) async throws -> AuthAPI.ListErasuresResponse {
    let page = try await accounts.erasures(
      size: Int(request.pageSize), pageToken: request.pageToken, for: context.principal(),
      from: context.origin)
    return AuthAPI.ListErasuresResponse(
      erasures: page.elements.map {
        AuthAPI.Erasure(
          accountId: $0.accountID.text, eraseTime: Timestamp($0.time), isComplete: $0.isComplete)
      }, nextPageToken: page.nextPageToken ?? "")
  }

  func repeatErasures(
    _ request: AuthAPI.RepeatErasuresRequest, context: ServerContext
  ) async throws -> AuthAPI.RepeatErasuresResponse {
    let count = try await accounts.repeatErasures(
      of: request.accountIds, for: context.principal(), from: context.origin)
    return AuthAPI.RepeatErasuresResponse(accounts: Int32(clamping: count))
  }
}

extension ServerContext {
  /// Who looks after accounts: an operator, by the certificate of the command line, or a person.
  func principal() throws(RPCError) -> Principal {
    let isOperator =
      peer.identities.contains(PeerIdentity.operator) || peer.groups.contains(PeerIdentity.operator)
    return isOperator ? .operator : .caller(try caller())
  }
}
