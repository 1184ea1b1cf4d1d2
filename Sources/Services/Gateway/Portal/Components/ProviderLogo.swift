import Providers

/// A provider's sign, drawn by us: its monogram on two tones in one of four cuts. No trademark's
/// shape.
///
/// Everything follows from the provider's place in the catalogue, to whose end new ones are added.
struct ProviderLogo: Sendable, Hashable {
  /// Ground and cut; white letters have a contrast of 4.5 at least on both.
  struct Tones: Sendable, Hashable {
    let ground, cut: String
  }

  static let tones = [
    Tones(ground: "#20574b", cut: "#2a6b5c"), Tones(ground: "#6d3f24", cut: "#83502f"),
    Tones(ground: "#1f4e79", cut: "#2c6190"), Tones(ground: "#8a3417", cut: "#a0441f"),
    Tones(ground: "#4b3f72", cut: "#5d5087"), Tones(ground: "#1d5c63", cut: "#266e76"),
    Tones(ground: "#7a2e4d", cut: "#913d5f"), Tones(ground: "#4d5520", cut: "#5e6829"),
    Tones(ground: "#3a4a52", cut: "#4b5d66"), Tones(ground: "#7a4a00", cut: "#8a5810"),
    Tones(ground: "#2d3f8f", cut: "#3e50a3"), Tones(ground: "#5b2a6e", cut: "#703b84"),
  ]

  /// Diagonal, disc, band, bar.
  private static let cuts = [
    "M0 32 32 0v32z", "M32 16a14 14 0 1 1-28 0 14 14 0 0 1 28 0z", "M0 11h32v12H0z",
    "M0 0h11v32H0z",
  ]

  let monogram: String
  let tones: Tones
  private let cut: String

  /// - Parameter place: In the catalogue; nil for a provider that has left it.
  init(name: String, place: Int?) {
    monogram = Self.monogram(name)
    let place = place ?? 8
    tones = Self.tones[place % Self.tones.count]
    cut = Self.cuts[(place / Self.tones.count + place) % Self.cuts.count]
  }

  /// For the template, which doesn't escape it.
  var svg: String {
    """
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true"><path fill="\(tones.ground)" \
    d="M0 0h32v32H0z"/><path fill="\(tones.cut)" d="\(cut)"/><text x="16" y="21">\
    \(EscapedHTML.escape(monogram))</text></svg>
    """
  }

  /// The first letter, and the first of the next word or hump; without one the second letter.
  private static func monogram(_ name: String) -> String {
    let letters = Array(name.unicodeScalars)
    guard let first = letters.first else { return "…" }
    for (index, letter) in letters.enumerated().dropFirst() {
      let isHump = letter.properties.isUppercase && !letters[index - 1].properties.isUppercase
      if isHump || (letter.value != 0x20 && letters[index - 1].value == 0x20) {
        return "\(first)\(letter)"
      }
    }
    return letters.count > 1 ? "\(first)\(letters[1])" : "\(first)"
  }
}

extension ProviderCatalogue {
  /// What pages call a provider in a sentence; one that has left is still called by its id.
  func name(of id: String) -> String {
    id == "custom" ? "Own endpoint" : provider(id: id)?.displayName ?? id
  }

  /// The sign of the provider with this id, or of one that isn't known any more.
  func logo(of id: String) -> ProviderLogo {
    let place = providers.firstIndex { $0.id == id }
    return ProviderLogo(name: place.map { providers[$0].displayName } ?? id, place: place)
  }
}
