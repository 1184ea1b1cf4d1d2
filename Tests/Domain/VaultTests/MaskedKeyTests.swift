import Testing

@testable import Vault

@Suite struct MaskedKeyTests {
  @Test(arguments: [
    ("sk-0123456789abcdef", "sk-…cdef"),
    ("sk-ant-0123456789abcdef", "sk-ant-…cdef"),
    ("0123456789abcdef", "…cdef"),
    ("sk-0123456789ab", "••••••••"),
    ("sk-0123456789abc", "sk-••••••••"),
    ("x", "••••••••"),
  ])
  func aHintShowsNoMoreThanAQuarter(key: String, hint: String) {
    let masked = MaskedKey(key: Array(key.utf8), publicPrefixes: ["sk-", "sk-ant-"])
    #expect(masked.text == hint)
  }
}
