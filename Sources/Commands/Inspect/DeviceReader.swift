import PCIe

/// Collects devices with their config bytes.
final class DeviceReader: SourceHandler {
  private(set) var devices: [LoadedDevice] = []
  private let messages: Messages
  private var complained: String?

  /// Starts without devices.
  ///
  /// - Parameter messages: Gets problems and notes.
  init(messages: Messages) { self.messages = messages }

  func device(_ device: LoadedDevice) {
    devices.append(device)
    messages.progress()
  }

  func surveyLine(_ bytes: Span<UInt8>, source: String, line: Int) {
    // One line says it for all of them.
    guard source != complained else { return }
    complained = source
    messages.problem(.surveyNotUsable(source: source, line: line))
  }

  func problem(_ problem: InputProblem) { messages.problem(problem) }

  func note(_ text: String) { messages.note(text) }
}
