import Testing

@testable import RPCTransport

@Suite struct ConnectionPhaseTests {
  /// The macro would copy the phase, which can't be copied.
  private func expect<Value: Equatable>(
    _ value: Value, _ expected: Value, location: SourceLocation = #_sourceLocation
  ) {
    #expect(value == expected, sourceLocation: location)
  }

  @Test func aDrainIsAnnouncedThenFinishedAndEachOnlyOnce() {
    var phase = ConnectionPhase()
    expect(phase.announcementWasSeen(), false)
    expect(phase.drain(hasSession: true), .announce)
    expect(phase.drain(hasSession: true), .nothing)
    expect(phase.isDraining, true)
    expect(phase.announcementWasSeen(), true)
    expect(phase.announcementWasSeen(), false)
    expect(phase.isDraining, true)
    expect(phase.close(), .politely)
    expect(phase.close(), nil)
    expect(phase.isClosing, true)
  }

  @Test func aConnectionWithoutASessionIsClosedInsteadOfDrained() {
    var phase = ConnectionPhase()
    expect(phase.drain(hasSession: false), .close)
    expect(phase.close(), .politely)
  }

  @Test func aCutIsSaidOnceAndEndsAbruptly() {
    var phase = ConnectionPhase()
    expect(phase.cut(), true)
    expect(phase.cut(), false)
    expect(phase.drain(hasSession: true), .nothing)
    expect(phase.close(), .abruptly)
  }

  @Test func whoeverMisbehavesWhileDrainingIsCut() {
    var phase = ConnectionPhase()
    expect(phase.drain(hasSession: true), .announce)
    expect(phase.cut(), true)
    expect(phase.announcementWasSeen(), false)
    expect(phase.isDraining, false)
    expect(phase.close(), .abruptly)
  }

  @Test func nothingHappensAfterTheChannelIsClosed() {
    var phase = ConnectionPhase()
    phase.channelEnded()
    expect(phase.isClosing, true)
    expect(phase.drain(hasSession: true), .nothing)
    expect(phase.cut(), false)
    expect(phase.close(), nil)
  }
}
