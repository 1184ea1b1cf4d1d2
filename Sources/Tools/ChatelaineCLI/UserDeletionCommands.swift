import ArgumentParser
import Foundation
import LocalDeployment
import Protobuf
import RPC
import ServiceAPI

/// The end of accounts, and what a restored backup has to lose again.
extension UsersCommand {
  struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Delete an account once the grace period is over.",
      discussion: """
        Its sessions end and its access tokens stop working at once. Until the grace period is \
        over its owner keeps it by logging in, and you by `users restore`. Then its keys are \
        destroyed, and its name and addresses are taken out of the audit log.
        """)

    @Flag(help: "Leave the grace period out. There is no way back.")
    var now = false

    @OptionGroup var target: Target

    func run() async throws {
      let user = try await target.call("delete") { auth, options in
        try await auth.deleteUser(
          AuthAPI.DeleteUserRequest(user: target.user, atOnce: now), options: options)
      }
      Terminal.print(UserText(user).line)
    }
  }

  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Keep an account that is to be deleted.")

    @OptionGroup var target: Target

    func run() async throws {
      let user = try await target.call("restore") { auth, options in
        try await auth.restoreUser(
          AuthAPI.RestoreUserRequest(user: target.user), options: options)
      }
      Terminal.print(UserText(user).line)
    }
  }

  struct Deleted: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print the ids of accounts that are no more, the first one first.",
      discussion: """
        Keep this list with the backups: `users delete-again` deletes from it what a restored \
        backup has brought back. It names nobody.
        """)

    @OptionGroup var location: StateLocation

    func run() async throws {
      let erasures = try await OperatorSession.callAuth(
        location.state, command: "users deleted"
      ) { auth, options in
        var (erasures, token) = ([AuthAPI.Erasure](), "")
        repeat {
          let page = try await auth.listErasures(
            AuthAPI.ListErasuresRequest(pageSize: 200, pageToken: token), options: options)
          erasures += page.erasures
          token = page.nextPageToken
        } while !token.isEmpty
        return erasures
      }
      for erasure in erasures {
        let state = erasure.isComplete ? "" : "  under way"
        Terminal.print("\(erasure.accountId)  \(UserText.time(erasure.eraseTime))\(state)")
      }
    }
  }

  struct DeleteAgain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "delete-again",
      abstract: "After a restore: delete the accounts of a list that `users deleted` has printed.")

    /// What `auth` takes at one time.
    private static let idsMax = 500

    @Argument(help: "The file with the list; `-` reads standard input.")
    var file: String

    @OptionGroup var location: StateLocation

    func run() async throws {
      let ids = try Self.ids(in: Self.text(of: file))
      let count = try await OperatorSession.callAuth(
        location.state, command: "users delete-again"
      ) { auth, options in
        var count = 0
        for start in stride(from: 0, to: ids.count, by: Self.idsMax) {
          let part = Array(ids[start..<min(start + Self.idsMax, ids.count)])
          count += Int(
            try await auth.repeatErasures(
              AuthAPI.RepeatErasuresRequest(accountIds: part), options: options
            ).accounts)
        }
        return count
      }
      Terminal.print("\(ids.count) ids, \(count) accounts that were there again are deleted")
    }

    private static func text(of file: String) throws -> String {
      let data: Data?
      if file == "-" {
        data = try FileHandle.standardInput.readToEnd()
      } else {
        data = FileManager.default.contents(atPath: file)
      }
      guard let data else { throw CommandError("\(file) can't be read") }
      return String(decoding: data, as: UTF8.self)
    }

    /// The first word of each line; empty lines are passed over.
    static func ids(in text: String) throws -> [String] {
      try text.split(separator: "\n").enumerated().compactMap { index, line in
        guard let word = line.split(separator: " ").first else { return nil }
        guard UUID(uuidString: String(word)) != nil else {
          throw CommandError("line \(index + 1) doesn't begin with the id of an account")
        }
        return String(word).lowercased()
      }
    }
  }
}
