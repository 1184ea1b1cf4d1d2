import CQREncode

/// A QR code (ISO/IEC 18004) as a picture for a page.
struct QRCode: Sendable {
  /// Light modules around it: scanners need four.
  private static let margin = 4

  let svg: String

  /// Nil for text that no code has room for.
  init?(_ text: String) {
    guard let code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1) else { return nil }
    defer { QRcode_free(code) }
    let width = Int(code.pointee.width)
    guard let modules = code.pointee.data else { return nil }
    var path = ""
    for y in 0..<width {
      var x = 0
      while x < width {
        let begin = x
        while x < width, modules[y * width + x] & 1 == 1 { x += 1 }
        if x > begin {
          path += "M\(begin + Self.margin) \(y + Self.margin)h\(x - begin)v1h-\(x - begin)z"
        }
        x += 1
      }
    }
    let size = width + 2 * Self.margin
    let dark = "<path d=\"\(path)\" fill=\"#000\"/>"
    let light = "<rect width=\"\(size)\" height=\"\(size)\" fill=\"#fff\"/>"
    svg = """
      <svg class="qr" role="img" aria-label="QR code for the authenticator app" width="240" \
      height="240" viewBox="0 0 \(size) \(size)" shape-rendering="crispEdges">\(light)\(dark)</svg>
      """
  }
}
