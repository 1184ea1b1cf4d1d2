import Foundation
import Providers
import Testing

@testable import Portal

@Suite struct FramePartsTests {
  // MARK: Return addresses

  @Test(arguments: ["/", "/audit", "/audit?action=a.b&page=x%2Fy", "/providers/new?label=a%20b"])
  func anAddressOfOurOwnIsTaken(text: String) {
    #expect(ReturnAddress(text)?.text == text)
  }

  @Test(
    arguments: [
      "", "audit", "//evil.example", "/\\evil.example", "https://evil.example", "/log-in",
      "/log-out?x", "/sign-up", "/a\r\nb", "/../x", "/" + String(repeating: "a", count: 2_048),
    ])
  func anyOtherIsNot(text: String) {
    #expect(ReturnAddress(text) == nil)
  }

  @Test func fieldsThatAreTooLongAreLeftOut() {
    let long = String(repeating: "x", count: 3_000)
    #expect(
      ReturnAddress(page: "/providers/new", fields: [("label", long)])?.text == "/providers/new")
  }

  // MARK: Notices

  @Test func aNoticeIsReadOnlyAsItIsWritten() {
    for kind in Notice.Kind.allCases {
      #expect(Notice(text: Notice(kind).text) == Notice(kind))
      #expect(Notice(text: Notice(kind, of: "a-1").text) == Notice(kind, of: "a-1"))
      #expect(!Notice(kind).view(name: nil).text.isEmpty)
    }
    for text in [
      "", "nothing", "key-stored.", "key-stored.A", "key-stored./providers", "key-stored.a.b",
    ] {
      #expect(Notice(text: text) == nil)
    }
  }

  // MARK: Logos

  @Test func everyProviderHasASignOfItsOwn() {
    let catalogue = ProviderCatalogue.standard
    let logos = catalogue.providers.map { catalogue.logo(of: $0.id).svg }
    #expect(Set(logos).count == logos.count)
    #expect(logos.allSatisfy { !$0.contains("style=") })
    #expect(catalogue.logo(of: "left-the-catalogue").monogram == "le")
  }

  @Test func whiteLettersCanBeReadOnEveryTone() {
    for tones in ProviderLogo.tones {
      #expect(contrastWithWhite(tones.ground) >= 4.5, "\(tones.ground)")
      #expect(contrastWithWhite(tones.cut) >= 4.5, "\(tones.cut)")
    }
  }

  /// WCAG 2.2, 1.4.3.
  private func contrastWithWhite(_ colour: String) -> Double {
    let number = Int(colour.dropFirst(), radix: 16) ?? 0
    let parts = [16, 8, 0].map { shift -> Double in
      let value = Double(number >> shift & 0xFF) / 255
      return value <= 0.03928 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
    let luminance = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    return 1.05 / (luminance + 0.05)
  }

  // MARK: Charts

  @Test(arguments: [
    (0, 2), (1, 2), (2, 2), (3, 4), (19, 20), (21, 40), (96, 100), (114, 120), (1_284, 1_400),
  ])
  func aScaleHoldsWhatItIsFor(largest: Int, scale: Int) {
    #expect(DayChart.scale(largest) == scale)
  }

  @Test func aChartSaysItsNumbersInWordsToo() {
    let chart = DayChart(
      title: "Requests", series: [.init(name: "done", tone: 1), .init(name: "failed", tone: 5)],
      days: [
        .init(name: "17 Nov", href: "/audit?since=2026-11-17", counts: [12_400, 3]),
        .init(name: "18 Nov", href: "/audit?since=2026-11-18", counts: [0, 0]),
      ])
    #expect(chart.svg.contains("aria-label=\"17 Nov: 12,400 done, 3 failed\""))
    #expect(chart.svg.contains("href=\"/audit?since=2026-11-17\""))
    #expect(!chart.svg.contains("2026-11-18"))
    #expect(chart.svg.contains("18 Nov: none"))
    #expect(chart.rows.map(\.counts) == [["12,400", "3"], ["0", "0"]])
  }

  @Test(arguments: [
    (0, "$0.00", "0.000000000"), (1, "$0.000000001", "0.000000001"),
    (350_000_000, "$0.35", "0.350000000"), (999_999_999, "$0.999999999", "0.999999999"),
    (1_995_000_000, "$2.00", "1.995000000"), (1_203_454_999_999, "$1,203.45", "1203.454999999"),
    (-50_000_000, "-$0.05", "-0.050000000"),
  ])
  func moneyIsExactForProgramsAndShortForPeople(amount: Int, text: String, decimal: String) {
    #expect(Money.text(amount) == text)
    #expect(Money.decimal(amount) == decimal)
  }

  @Test func aPagerKnowsWhereItIs() {
    let address = { (page: Int) in "/list?page=\(page)" }
    let middle = Pager(page: 3, rowsPerPage: 25, count: 131, address: address)
    #expect(middle.text == "51–75 of 131")
    #expect(middle.first == "/list?page=1")
    #expect(middle.newer == "/list?page=2")
    #expect(middle.older == "/list?page=4")
    let last = Pager(page: 6, rowsPerPage: 25, count: 131, address: address)
    #expect(last.text == "126–131 of 131")
    #expect(last.older == nil)
    #expect(Pager(page: 1, rowsPerPage: 25, count: 0, address: address).text.isEmpty)
  }

  // MARK: Snippets

  @Test(arguments: ProviderCatalogue.standard.providers.map(\.id))
  func snippetsNameTheAddressAndNeverAnEmptyToken(provider: String) {
    let hidden = Snippets(origin: "https://keys.example", provider: provider, label: "lab")
    let shown = Snippets(origin: "https://keys.example", provider: provider, token: "chat_abc")
    #expect(hidden.tabs.count >= 4)
    #expect(hidden.tabs.filter(\.isFirst).count == 1)
    for tab in hidden.tabs {
      #expect(tab.code.contains("https://keys.example/proxy/"), "\(tab.name)")
    }
    for tab in shown.tabs { #expect(tab.code.contains("chat_abc"), "\(tab.name)") }
    let path = provider == "custom" ? "/proxy/custom/lab" : "/proxy/\(provider)"
    #expect(hidden.tabs[0].code.contains(path))
  }
}
