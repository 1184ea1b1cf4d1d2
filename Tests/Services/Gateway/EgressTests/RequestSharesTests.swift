import Testing

@testable import Egress

@Suite struct RequestSharesTests {
  private func shares(_ configure: (inout UpstreamLimits) -> Void) -> RequestShares {
    var limits = UpstreamLimits()
    configure(&limits)
    return RequestShares(limits)
  }

  @Test func oneUsersRequestsLeaveTheOthersAlone() throws {
    let shares = shares { $0.requestsPerUserMax = 2 }
    var taken = [
      try shares.begin(user: "a", isCustom: true), try shares.begin(user: "a", isCustom: false),
    ]
    #expect(throws: RequestShares.Refusal.requestsOfUser(max: 2)) {
      try shares.begin(user: "a", isCustom: false)
    }
    taken.append(try shares.begin(user: "b", isCustom: true))
    // What has ended is given back.
    taken.removeFirst()
    taken.append(try shares.begin(user: "a", isCustom: true))
    #expect(taken.count == 3)
  }

  @Test func aQuarterIsKeptForTheCataloguesHosts() throws {
    let shares = shares { $0.requestsMax = 8 }
    var taken: [RequestShares.Share] = []
    for user in 0..<6 { taken.append(try shares.begin(user: "\(user)", isCustom: true)) }
    #expect(throws: RequestShares.Refusal.exhausted) {
      try shares.begin(user: "x", isCustom: true)
    }
    for user in 0..<2 { taken.append(try shares.begin(user: "\(user)", isCustom: false)) }
    #expect(throws: RequestShares.Refusal.exhausted) {
      try shares.begin(user: "x", isCustom: false)
    }
    #expect(taken.count == 8)
  }

  @Test func bodiesInMemoryAreBoundedForEachUserAndInAll() throws {
    let shares = shares {
      $0.bufferedBytesPerUserMax = 10
      $0.bufferedBytesTotalMax = 15
    }
    let first = try shares.begin(user: "a", isCustom: false)
    try first.keepBody(bytes: 6)
    #expect(throws: RequestShares.Refusal.bodiesOfUser(bytesMax: 10)) {
      try first.keepBody(bytes: 5)
    }
    var second: RequestShares.Share? = try shares.begin(user: "b", isCustom: false)
    try second?.keepBody(bytes: 9)
    let third = try shares.begin(user: "c", isCustom: false)
    #expect(throws: RequestShares.Refusal.exhausted) { try third.keepBody(bytes: 1) }
    second = nil
    try third.keepBody(bytes: 9)
  }
}
