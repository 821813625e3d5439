/// Reads config spaces out of text as `lspci -x`, `-xxx` and `-xxxx` print it.
///
/// The text arrives in chunks of any size, so that one reader serves files, pipes and sockets; of a
/// line that a chunk leaves unfinished, at most ``lineLimit`` bytes are kept.
///
/// - A device line starts with an address, `[domain:]bus:device.function`, then a space, a tab or
///   the end of the line.
/// - A row starts with an offset of two or three digits and a colon; 1 to 16 times a space and two
///   hexadecimal digits follow, then nothing but spaces. Rows come without gaps from offset 0.
/// - A blank line ends the device, and so do the next device line and the end of the text.
/// - Other lines are ignored: the indented ones of `lspci -v`, and text around the dump. But after
///   a device line, whatever starts with digits and a colon has to be a row.
/// - Lines end with LF or CR LF; any other CR is a character like others, as is NUL.
///
/// After an error the reader goes on at the next device line.
public struct DumpTextReader: Sendable {
  /// The number of bytes of a line that count; no row is that long, and titles are cut there.
  public static let lineLimit = 512

  /// The number of devices handed out so far.
  public private(set) var deviceCount = 0

  /// What a line that is neither a device line nor blank means.
  enum State {
    /// No device line before it: rows are an error.
    case outside
    /// Part of the device at hand.
    case reading
    /// Nothing, because of an error before it.
    case skipping
  }

  var state = State.outside
  /// The number of lines that have ended.
  var line = 0
  /// The start of a line that continues in the next chunk.
  private(set) var partial = LineStart()
  /// The device at hand while `state` is `reading`.
  var device = OpenDevice()

  /// Starts before the first line of a text.
  public init() {}

  /// Reads the next chunk of the text.
  ///
  /// - Parameters:
  ///   - text: Bytes that follow those of the last call; they may end anywhere, also within a line.
  ///   - event: Called for each device and each error as soon as it is known, in their order.
  /// - Complexity: O(n) in the length of the chunk; a device costs three allocations, of its bytes,
  ///   its title and its address, a row none.
  public mutating func consume(_ text: Span<UInt8>, _ event: (DumpEvent) -> Void) {
    var at = 0
    if partial.isStarted {
      guard let end = text.firstLineFeed(from: 0) else { return partial.append(text) }
      partial.append(text.extracting(..<end))
      readPartialLine(event)
      at = end + 1
    }
    while at < text.count {
      if state == .reading { at = readCanonicalRows(in: text, from: at) }
      guard let end = text.firstLineFeed(from: at) else {
        return partial.append(text.extracting(at...))
      }
      readLine(LineView(text.extracting(at..<end)), event)
      at = end + 1
    }
  }

  /// Ends the text: reads a last line without LF, and hands out the device at hand.
  ///
  /// A text without any device is no error; see ``deviceCount``. What is consumed afterwards is a
  /// new text that starts at line 1.
  ///
  /// - Parameter event: Called as by ``consume(_:_:)``.
  public mutating func finish(_ event: (DumpEvent) -> Void) {
    if partial.isStarted { readPartialLine(event) }
    endDevice(event)
    state = .outside
    line = 0
  }

  private mutating func readPartialLine(_ event: (DumpEvent) -> Void) {
    // Taken out of the reader while the line is read, so that its memory can be used again.
    var held = LineStart()
    swap(&held, &partial)
    readLine(LineView(held.bytes.span, isCut: held.isCut), event)
    held.clear()
    swap(&held, &partial)
  }

  /// Ends the device at hand, if any; rows after a good one lack a device line.
  mutating func endDevice(_ event: (DumpEvent) -> Void) {
    guard state == .reading else { return }
    guard device.filled > 0 else {
      state = .outside
      return event(.skipped(device.address, line: device.line))
    }
    guard let config = device.takeConfig() else {
      return fail(.size(device.filled), at: device.lastRow, event)
    }
    state = .outside
    deviceCount += 1
    let title = device.title
    event(
      .device(
        DumpedDevice(address: device.address, config: config, line: device.line, title: title)))
  }

  /// Hands out an error about the device at hand and drops the device.
  mutating func fail(
    _ problem: DumpTextError.Problem, at line: Int, _ event: (DumpEvent) -> Void
  ) {
    let address = state == .reading ? device.address : nil
    state = .skipping
    event(.error(DumpTextError(line: line, address: address, problem: problem)))
  }
}
