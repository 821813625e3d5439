import PCIe

/// What reading a source yields, in order.
enum SourceItem {
  /// A device with its config space.
  case device(LoadedDevice)
  /// A survey line, without its line end; the bytes are lent.
  case survey(line: Int)
  /// A device line without bytes.
  case skipped(PCIAddress, source: String, line: Int)
  /// Something that could not be used; reading goes on behind it.
  case problem(InputProblem)
}
