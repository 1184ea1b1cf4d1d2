import Foundation
import Testing

@testable import Portal

@Suite struct MomentTests {
  /// Both hemispheres, half hours, rules with odd hours, zones without summer, one that gave it up.
  private static let zones = [
    "Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata", "America/St_Johns",
    "Pacific/Auckland", "Asia/Jerusalem", "Africa/Cairo", "America/Santiago", "Asia/Tokyo",
    "America/Sao_Paulo", "Pacific/Apia", "Europe/Dublin", "Asia/Gaza", "America/Nuuk",
  ]

  @Test(arguments: zones)
  func anOffsetIsWhatFoundationSays(name: String) throws {
    let zone = try #require(ZoneDatabase.system.zone(named: name))
    let other = try #require(TimeZone(identifier: name))
    // Every 11 days from 1975 to 2036.
    for seconds in stride(from: Int64(157_766_400), to: 2_082_758_400, by: 950_400 + 3_600) {
      let expected = other.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
      #expect(zone.offset(at: seconds) == expected, "\(name) at \(seconds)")
    }
  }

  @Test(
    arguments: [
      ("CET-1CEST,M3.5.0,M10.5.0/3", 1_782_864_000, 7_200),
      ("CET-1CEST,M3.5.0,M10.5.0/3", 1_767_225_600, 3_600),
      ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_767_225_600, 39_600),
      ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_782_864_000, -3_600),
      ("IST-5:30", 0, 19_800),
    ])
  func aYearlyRuleIsFollowed(text: String, seconds: Int64, offset: Int) throws {
    #expect(try #require(YearlyRule(text)).offset(at: seconds) == offset)
  }

  @Test(arguments: ["", "X", "CET", "CET-1CEST", "CET-1CEST,M13.1.0,M1.1.0", "CET-1CEST,J60,J300"])
  func aRuleThatIsNoneIsRefused(text: String) {
    #expect(YearlyRule(text) == nil)
  }

  @Test func aFileThatIsNoneIsRefused() {
    #expect(TimeZoneRules(name: "x", file: Array("TZif2".utf8)) == nil)
    #expect(TimeZoneRules(name: "x", file: []) == nil)
    #expect(ZoneDatabase.system.zone(named: "../../etc/passwd") == nil)
    #expect(ZoneDatabase(directory: "/nowhere").names == ["UTC"])
  }

  @Test func aMomentIsWrittenForItsZone() throws {
    let berlin = try #require(ZoneDatabase.system.zone(named: "Europe/Berlin"))
    let moment = Moment(secondsSinceEpoch: 1_795_475_107, zone: berlin)
    #expect(moment.machine == "2026-11-23T23:05:07Z")
    #expect(moment.text == "24 Nov 2026, 00:05")
    #expect(moment.day == "Tuesday, 24 November 2026")
    #expect(moment.clock == "00:05:07")
    #expect(moment.date == "2026-11-24")
    #expect(Moment(secondsSinceEpoch: .min, zone: .utc).machine.hasPrefix("0001"))
    #expect(Moment(secondsSinceEpoch: .max, zone: berlin).machine.hasPrefix("9999"))
  }

  @Test func aDayBeginsAtItsMidnight() throws {
    let berlin = try #require(ZoneDatabase.system.zone(named: "Europe/Berlin"))
    // 28 March 2027 has 23 hours there.
    let begin = try #require(berlin.startOfDay("2027-03-28"))
    #expect(try #require(berlin.startOfDay("2027-03-29")) - begin == 23 * 3_600)
    for text in [
      "", "2027-02-30", "2027-13-01", "27-01-01", "2027-1-1", "2027/01/01", "+027-01-01",
    ] {
      #expect(berlin.startOfDay(text) == nil, "\(text)")
    }
  }
}
