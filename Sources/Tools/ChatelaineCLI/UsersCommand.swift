import ArgumentParser
import Foundation
import LocalDeployment
import Protobuf
import RPC
import ServiceAPI

/// `chatelaine users`: accounts, by whoever runs the deployment.
struct UsersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "users", abstract: "Look after people's accounts.",
    discussion: """
      USER is an e-mail address or the id of an account. Everything leaves an entry in the audit \
      log, which the account's owner sees. Nobody's keys are shown or used.
      """,
    subcommands: [
      List.self, Show.self, Invite.self, MakeAdmin.self, SetRole.self, Disable.self, Enable.self,
      Unlock.self, SignOut.self, ResetPassword.self, ResetSecondFactor.self,
      RevokeTokens.self, Delete.self, Restore.self, Deleted.self, DeleteAgain.self,
    ])

  /// The account that a command is about.
  struct Target: ParsableArguments {
    @Argument(help: "E-mail address or id of the account.")
    var user: String

    @OptionGroup var location: StateLocation

    func call<Answer>(
      _ command: String,
      _ body: (AuthAPI.AuthClient, CallOptions) async throws -> Answer
    ) async throws -> Answer {
      try await OperatorSession.callAuth(
        location.state, command: "users \(command)", user: user, body)
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print the accounts, the newest first.")

    @Argument(help: "Only accounts whose e-mail address contains this.")
    var email = ""

    @OptionGroup var location: StateLocation

    func run() async throws {
      let users = try await OperatorSession.callAuth(location.state, command: "users list") {
        auth, options in
        var (users, token) = ([AuthAPI.User](), "")
        repeat {
          let page = try await auth.listUsers(
            AuthAPI.ListUsersRequest(pageSize: 200, pageToken: token, email: email),
            options: options)
          users += page.users
          token = page.nextPageToken
        } while !token.isEmpty
        return users
      }
      for user in users { Terminal.print(UserText(user).line) }
      if users.isEmpty { Terminal.print("no accounts") }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print one account.")

    @OptionGroup var target: Target

    func run() async throws {
      let users = try await target.call("show") { auth, options in
        try await auth.listUsers(
          AuthAPI.ListUsersRequest(email: target.user), options: options
        ).users
      }
      let key = target.user.lowercased()
      guard let user = users.first(where: { $0.account?.email.lowercased() == key }) else {
        throw CommandError("there is no account \(target.user)")
      }
      for line in UserText(user).lines { Terminal.print(line) }
    }
  }

  struct Invite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print a link by which a person can sign up, also where that is by invitation only."
    )

    @Argument(help: "E-mail address of the person.")
    var email: String

    @OptionGroup var location: StateLocation

    func run() async throws {
      let answer = try await OperatorSession.callAuth(location.state, command: "users invite") {
        auth, options in
        try await auth.inviteUser(AuthAPI.InviteUserRequest(email: email), options: options)
      }
      Terminal.print(answer.link)
    }
  }

  struct MakeAdmin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make an account an admin.")

    @OptionGroup var target: Target

    func run() async throws {
      try await setRole(.admin, of: target, command: "make-admin")
    }
  }

  struct SetRole: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set-role", abstract: "Give an account a role: user, auditor or admin.")

    @OptionGroup var target: Target

    @Argument(help: "user, auditor (reads the whole audit log) or admin.")
    var role: String

    func run() async throws {
      guard let role = UserText.roles.first(where: { $0.name == role })?.role else {
        throw ValidationError("the role must be user, auditor or admin")
      }
      try await setRole(role, of: target, command: "set-role")
    }
  }

  struct Disable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shut an account out: its sessions end, its access tokens don't work.")

    @OptionGroup var target: Target

    func run() async throws {
      let user = try await target.call("disable") { auth, options in
        try await auth.disableUser(
          AuthAPI.DisableUserRequest(user: target.user), options: options)
      }
      Terminal.print(UserText(user).line)
    }
  }

  struct Enable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let an account in again.")

    @OptionGroup var target: Target

    func run() async throws {
      let user = try await target.call("enable") { auth, options in
        try await auth.enableUser(AuthAPI.EnableUserRequest(user: target.user), options: options)
      }
      Terminal.print(UserText(user).line)
    }
  }

  struct Unlock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open log-in again after too many wrong passwords.")

    @OptionGroup var target: Target

    func run() async throws {
      let user = try await target.call("unlock") { auth, options in
        try await auth.unlockUser(AuthAPI.UnlockUserRequest(user: target.user), options: options)
      }
      Terminal.print(UserText(user).line)
    }
  }

  struct SignOut: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "sign-out", abstract: "End all of an account's sessions.")

    @OptionGroup var target: Target

    func run() async throws {
      let user = try await target.call("sign-out") { auth, options in
        try await auth.signOutUser(
          AuthAPI.SignOutUserRequest(user: target.user), options: options)
      }
      Terminal.print(UserText(user).line)
    }
  }

  struct RevokeTokens: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "revoke-tokens", abstract: "Revoke all of an account's access tokens.")

    @OptionGroup var target: Target

    func run() async throws {
      let user = try await target.call("revoke-tokens") { auth, options in
        try await auth.revokeUserAccessTokens(
          AuthAPI.RevokeUserAccessTokensRequest(user: target.user), options: options)
      }
      Terminal.print(UserText(user).line)
    }
  }

  struct ResetSecondFactor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "reset-second-factor",
      abstract: "Remove the authenticator app of somebody who has lost phone and recovery codes.")

    @OptionGroup var target: Target

    func run() async throws {
      let user = try await target.call("reset-second-factor") { auth, options in
        try await auth.resetUserSecondFactor(
          AuthAPI.ResetUserSecondFactorRequest(user: target.user), options: options)
      }
      Terminal.print(UserText(user).line)
    }
  }

  struct ResetPassword: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "reset-password",
      abstract: "Print a link by which an account's owner chooses a new password, for an hour.")

    @OptionGroup var target: Target

    func run() async throws {
      let answer = try await target.call("reset-password") { auth, options in
        try await auth.sendUserPasswordReset(
          AuthAPI.SendUserPasswordResetRequest(user: target.user), options: options)
      }
      Terminal.print(answer.link)
    }
  }
}

private func setRole(
  _ role: AuthAPI.Account.Role, of target: UsersCommand.Target, command: String
) async throws {
  let user = try await target.call(command) { auth, options in
    try await auth.setUserRole(
      AuthAPI.SetUserRoleRequest(user: target.user, role: role), options: options)
  }
  Terminal.print(UserText(user).line)
}

/// How an account reads.
struct UserText {
  static let roles: [(name: String, role: AuthAPI.Account.Role)] = [
    ("user", .user), ("auditor", .auditor), ("admin", .admin),
  ]

  let lines: [String]
  /// All of it on one line.
  let line: String

  /// In UTC, as ISO 8601 has it.
  static func time(_ timestamp: Timestamp?) -> String {
    guard let timestamp else { return "never" }
    return Date(timeIntervalSince1970: TimeInterval(timestamp.seconds)).formatted(.iso8601)
  }

  init(_ user: AuthAPI.User) {
    let account = user.account ?? AuthAPI.Account()
    let role = Self.roles.first { $0.role == account.role }?.name ?? "user"
    let states =
      (user.deleteTime.map { ["to be deleted on \(Self.time($0))"] } ?? [])
      + (user.isDisabled ? ["disabled"] : []) + (account.isEmailVerified ? [] : ["unconfirmed"])
      + (user.hasSecondFactor ? ["second factor"] : [])
    let time = Self.time
    line =
      ([account.email, role] + states + ["last seen \(time(user.lastSeenTime))", account.id])
      .joined(separator: "  ")
    lines = [
      "e-mail         \(account.email)", "name           \(account.displayName)",
      "id             \(account.id)", "role           \(role)",
      "state          \(states.isEmpty ? "active" : states.joined(separator: ", "))",
      "signed up      \(time(account.createTime))",
      "last seen      \(time(user.lastSeenTime))", "sessions       \(user.sessionCount)",
      "access tokens  \(user.accessTokenCount)",
    ]
  }
}
