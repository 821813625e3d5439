import PCIe

/// Collects devices with their config bytes.
final class DeviceReader: SourceHandler {
  private(set) var devices: [LoadedDevice] = []
  private let messages: Messages

  /// Starts without devices.
  ///
  /// - Parameter messages: Gets problems and notes.
  init(messages: Messages) { self.messages = messages }

  func device(_ device: LoadedDevice) {
    devices.append(device)
    messages.progress()
  }

  func surveyLine(_ bytes: Span<UInt8>, source: String, line: Int) {
    messages.problem(.surveyNotUsable(source: source, line: line))
  }

  func problem(_ problem: InputProblem) { messages.problem(problem) }

  func note(_ text: String) { messages.note(text) }
}
