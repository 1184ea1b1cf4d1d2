/// RFC 9113, 6.9: windows, seen on the body of the answer to a plain GET.
extension Rule {
  private static let windowMax: UInt32 = 1 << 31 - 1

  static let flowControl: [Rule] = [
    Rule(
      "http2/6.9/1", "6.9", "an increment of 0 for the connection is PROTOCOL_ERROR",
      [.windowUpdate(0, 0)], .connectionError(.protocolError)),
    Rule(
      "http2/6.9/2", "6.9", "an increment of 0 for a stream is PROTOCOL_ERROR",
      [.openGet, .windowUpdate(1, 0)], .streamError(.protocolError)),
    Rule(
      "http2/6.9/3", "6.9", "WINDOW_UPDATE of other than 4 octets is FRAME_SIZE_ERROR",
      [Frame(kind: Frame.Kind.windowUpdate, payload: [0, 0, 1])],
      .connectionError(.frameSizeError)),
    Rule(
      "http2/6.9.1/1", "6.9.1", "no more is sent than the window allows",
      [
        .send([.settings([(.initialWindowSize, 1)])]), .expect(.settingsAcknowledgement),
        .send([.get]), .expect(.data(octets: 1)),
      ]),
    Rule(
      "http2/6.9.1/2", "6.9.1", "a connection's window above 2^31-1 is FLOW_CONTROL_ERROR",
      [.windowUpdate(0, windowMax), .windowUpdate(0, windowMax)],
      .connectionError(.flowControlError)),
    Rule(
      "http2/6.9.1/3", "6.9.1", "a stream's window above 2^31-1 is FLOW_CONTROL_ERROR",
      [.openGet, .windowUpdate(1, windowMax), .windowUpdate(1, windowMax)],
      .reset(1, .flowControlError)),
    Rule(
      "http2/6.9.2/1", "6.9.2", "a new INITIAL_WINDOW_SIZE changes the windows of open streams",
      [
        .send([.settings([(.initialWindowSize, 0)])]), .expect(.settingsAcknowledgement),
        .send([.get, .settings([(.initialWindowSize, 1)])]), .expect(.data(octets: 1)),
      ]),
    Rule(
      "http2/6.9.2/2", "6.9.2", "a window that became negative is counted up from there",
      [
        .send([.settings([(.initialWindowSize, 3)])]), .expect(.settingsAcknowledgement),
        .send([.get]), .expect(.data(octets: 3)),
        .send([.settings([(.initialWindowSize, 2)])]), .expect(.settingsAcknowledgement),
        .send([.windowUpdate(1, 2)]), .expect(.data(octets: 1)),
      ]),
    Rule(
      "http2/6.9.2/3", "6.9.2", "an INITIAL_WINDOW_SIZE above 2^31-1 is FLOW_CONTROL_ERROR",
      [
        .sendBytes([0, 0, 6, 4, 0, 0, 0, 0, 0]), .sendBytes([0, 4, 0x80, 0, 0, 0]),
        .expect(.connectionError(.flowControlError)),
      ]),
  ]
}
