import NIOCore
import RPC
import RPCTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ReconnectionTests {
  private func stop(_ servers: [ScriptedServer], _ client: RPCClient) async {
    await client.close()
    for server in servers { await server.stop() }
  }

  /// What a call ends with.
  private func outcome(_ client: RPCClient, _ name: String = "Name") async -> RPCError? {
    await failure { () async throws(RPCError) in try await client.call(name) }
  }

  @Test func theOtherAddressesCarryOnWhenOneIsLost() async throws {
    let lost = try await ScriptedServer("lost", [.answer])
    let kept = try await ScriptedServer("kept", [.answer])
    let client = ScriptedResolver(.ports([lost.port, kept.port])).client {
      $0.backoffMin = .seconds(3_600)
      $0.backoffMax = .seconds(3_600)
    }
    var missing: Set = ["lost", "kept"]
    while !missing.isEmpty { missing.remove(try await client.call("Name")) }
    await lost.stop()
    // A call may still meet the connection whose end has not arrived.
    var keptInARow = 0
    while keptInARow < 10 {
      keptInARow = (try? await client.call("Name")) == "kept" ? keptInARow + 1 : 0
    }
    await stop([kept], client)
  }

  @Test func aLostIdleConnectionIsReopenedByTheNextCallOnly() async throws {
    let server = try await ScriptedServer("a", [.answer])
    let client = server.client()
    #expect(try await client.call("Name") == "a")
    await server.hangUp()
    #expect(server.record.connectionCount == 1)
    while (try? await client.call("Name")) != "a" {}
    #expect(server.record.connectionCount == 2)
    await stop([server], client)
  }

  @Test func callsFailFastWithTheLastReasonWhileNothingCanBeReached() async throws {
    let server = try await ScriptedServer("a", [.answer])
    let port = server.port
    await server.stop()
    let client = ScriptedResolver(.ports([port])).client {
      $0.backoffMin = .seconds(3_600)
      $0.backoffMax = .seconds(3_600)
    }
    for _ in 0..<3 {
      let error = await outcome(client)
      #expect(error?.code == .unavailable)
      #expect(error?.detail?.contains("127.0.0.1:\(port)") == true)
      #expect(error?.detail?.contains("refused") == true)
    }
    await client.close()
  }

  @Test func aCallWaitsForAServiceThatIsStartedAgain() async throws {
    let first = try await ScriptedServer("first", [.answer])
    let resolver = ScriptedResolver(.ports([first.port]))
    let client = resolver.client { $0.reconnectPatience = .seconds(3_600) }
    #expect(try await client.call("Name") == "first")
    await first.stop()
    let calls = (0..<3).map { _ in Task.immediate { try await client.call("Name") } }
    let second = try await ScriptedServer("second", [.answer])
    resolver.set(.ports([second.port]))
    for call in calls {
      // One may have met the connection whose end had not arrived.
      do { #expect(try await call.value == "second") } catch {
        #expect("\(error)".contains("lost"))
      }
    }
    #expect(try await client.call("Name") == "second")
    await stop([second], client)
  }

  @Test func patienceWithALostServiceEnds() async throws {
    let server = try await ScriptedServer("a", [.answer])
    let client = server.client {
      $0.reconnectPatience = .milliseconds(50)
      $0.backoffMin = .seconds(3_600)
      $0.backoffMax = .seconds(3_600)
    }
    #expect(try await client.call("Name") == "a")
    await server.stop()
    for _ in 0..<3 { #expect(await outcome(client)?.code == .unavailable) }
    await client.close()
  }

  @Test func whatOneLoopHasReachedTheOthersTryAtOnce() async throws {
    let server = try await ScriptedServer("a", [.answer])
    server.turnAway(true)
    // Callers elsewhere take the loops in turn.
    let client = server.client {
      $0.connectionCountMax = 2
      $0.backoffMin = .seconds(3_600)
      $0.backoffMax = .seconds(3_600)
    }
    #expect(await outcome(client)?.code == .unavailable)
    server.turnAway(false)
    var answersInARow = 0
    while answersInARow < 2 {
      answersInARow = (try? await client.call("Name")) == "a" ? answersInARow + 1 : 0
    }
    await stop([server], client)
  }

  @Test func callsThatWaitForAConnectionGoOutInTheirOrder() async throws {
    let server = try await ScriptedServer("a", [.answer])
    let client = server.client()
    let names = (0..<50).map { "Method\($0)" }
    let calls = names.map { name in
      // Immediate, so that each call has reached the client before the next is made.
      Task.immediate { try await client.call(name) }
    }
    for call in calls { #expect(try await call.value == "a") }
    #expect(server.paths == names.map { TestService.method($0).path })
    #expect(server.record.connectionCount == 1)
    await stop([server], client)
  }

  @Test func aRefusedCallIsMadeAgainAtAnotherAddress() async throws {
    let refusing = try await ScriptedServer("refusing", [.answer, .refuse])
    let willing = try await ScriptedServer("willing", [.answer])
    let client = ScriptedResolver(.ports([refusing.port, willing.port])).client()
    var missing: Set = ["refusing", "willing"]
    // Only the first call is answered by the one that refuses later. As long as there is no
    // connection to the other one, a call has nowhere else to go.
    while !missing.isEmpty {
      if let name = try? await client.call("Name") { missing.remove(name) }
    }
    for _ in 0..<10 { #expect(try await client.call("Name") == "willing") }
    #expect(refusing.paths.count > 1)
    await stop([refusing, willing], client)
  }

  @Test func aCallThatIsRefusedTwiceFails() async throws {
    let server = try await ScriptedServer("a", [.refuse])
    let client = server.client()
    let error = await outcome(client)
    #expect(error?.code == .unavailable)
    #expect(error?.detail?.contains("refused") == true)
    #expect(server.paths.count == 2)
    await stop([server], client)
  }

  @Test func aCallThatGoAwayDeclaresUnseenIsMadeAgain() async throws {
    let server = try await ScriptedServer("a", [.goAway, .answer])
    let client = server.client()
    #expect(try await client.call("Name") == "a")
    #expect(server.paths.count == 2)
    #expect(server.record.connectionCount == 2)
    await stop([server], client)
  }

  @Test func afterGoAwayTheNextCallHasANewConnection() async throws {
    let server = try await ScriptedServer("a", [.goAwayAndAnswer, .answer])
    let client = server.client()
    #expect(try await client.call("Name") == "a")
    #expect(try await client.call("Name") == "a")
    #expect(server.paths.count == 2)
    #expect(server.record.connectionCount == 2)
    await stop([server], client)
  }

  @Test func callsThatWereNotSentSurviveTheLossOfTheConnection() async throws {
    // One stream at a time: the others wait at the client when the connection goes.
    let server = try await ScriptedServer(
      "a", [.answer, .hangUp, .answer], concurrentStreamsMax: 1)
    let client = server.client()
    #expect(try await client.call("First") == "a")
    let calls = (0..<10).map { index in
      Task.immediate { await outcome(client, "Method\(index)") }
    }
    var failures: [RPCError] = []
    for call in calls { if let error = await call.value { failures.append(error) } }
    #expect(failures.map(\.code) == [.unavailable])
    #expect(server.paths.count == 11)
    #expect(server.record.connectionCount == 2)
    await stop([server], client)
  }
}
