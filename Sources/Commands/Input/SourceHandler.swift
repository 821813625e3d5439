import PCIe

/// Whatever wants the devices of some sources, one after the other.
protocol SourceHandler: AnyObject {
  /// A device with its config space.
  func device(_ device: LoadedDevice)

  /// A survey line without its line end; the bytes are lent for the call.
  func surveyLine(_ bytes: Span<UInt8>, source: String, line: Int)

  /// Something that could not be used; reading goes on behind it.
  func problem(_ problem: InputProblem)

  /// Something that people should know and that is no problem.
  func note(_ text: String)
}
