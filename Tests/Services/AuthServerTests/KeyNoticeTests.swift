import Foundation
import Mail
import Protobuf
import RPC
import ServiceAPI
import Testing

@testable import Auth
@testable import AuthServer

/// What owners are told of their keys by mail.
@Suite struct KeyNoticeTests {
  private func notice(
    _ account: AuthAPI.Account, _ kind: AuthAPI.SendKeyNoticeRequest.Kind = .quarantined,
    id: String = UUID().uuidString, name: String = "OpenAI, <default>"
  ) -> AuthAPI.SendKeyNoticeRequest {
    AuthAPI.SendKeyNoticeRequest(
      id: id, accountId: account.id, kind: kind,
      configId: "0b5a0c5e-5c3e-4d6c-9a51-1d3c9d3d2a10", name: name, time: Timestamp(Date()))
  }

  @Test func anOwnerIsToldOnceOfEachNotice() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    // Whoever typed somebody else's address has no mail sent there.
    _ = try await bench.gateway.sendKeyNotice(notice(account), options: bench.nobody)
    #expect(try await bench.mails(to: email).allSatisfy { !$0.subject.contains("OpenAI") })
    _ = try await bench.gateway.redeemLink(
      AuthAPI.RedeemLinkRequest(token: try await bench.token(to: email)), options: bench.nobody)

    let quarantined = notice(account)
    for _ in 0..<2 {
      _ = try await bench.gateway.sendKeyNotice(quarantined, options: bench.nobody)
    }
    for kind in [AuthAPI.SendKeyNoticeRequest.Kind.reminder, .expired] {
      _ = try await bench.gateway.sendKeyNotice(notice(account, kind), options: bench.nobody)
    }
    let mails = try await bench.mails(to: email).filter { $0.subject.contains("OpenAI") }
    #expect(
      Set(mails.map(\.subject)) == [
        "A key is in quarantine: OpenAI, <default>", "Reminder: OpenAI, <default>",
        "A key has expired: OpenAI, <default>",
      ])
    #expect(mails.count == 3)
    let text = try #require(mails.first { $0.subject.contains("quarantine") }?.text)
    #expect(text.contains("/providers/0b5a0c5e-5c3e-4d6c-9a51-1d3c9d3d2a10"))
  }

  @Test func aNoticeForNobodyIsTakenAndAMalformedOneNamesItsField() async throws {
    let bench = try await AuthBench()
    var gone = AuthAPI.Account()
    gone.id = UUID().uuidString
    _ = try await bench.gateway.sendKeyNotice(notice(gone), options: bench.nobody)
    for (request, field) in [
      (notice(gone, id: "7"), "id"), (notice(gone, .unspecified), "kind"),
      (notice(gone, name: String(repeating: "n", count: 201)), "name"),
      (notice(gone, name: "a\r\nBcc: x"), "name"),
    ] {
      await #expect {
        _ = try await bench.gateway.sendKeyNotice(request, options: bench.nobody)
      } throws: { error in
        guard let error = error as? RPCError else { return false }
        return error.code == .invalidArgument && error.message.hasPrefix(field)
      }
    }
  }
}
