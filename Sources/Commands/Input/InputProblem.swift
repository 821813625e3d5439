public import HostSystem
public import PCIe

/// Input that could not be used: where it is, and what was expected.
public enum InputProblem: Error, Hashable, Sendable {
  /// Text that is no dump.
  case dump(source: String, DumpTextError)
  /// A binary file of a size that no config space has.
  case binary(source: String, ConfigSpaceError)
  /// A file without a device in it.
  case nothing(source: String)
  /// A line that is no survey line.
  case survey(source: String, line: Int, String)
  /// A line that does not end.
  case longLine(source: String, line: Int, limit: Int)
  /// Survey lines where config bytes are needed.
  case surveyNotUsable(source: String, line: Int)
  /// A file or a device that cannot be read.
  case host(HostError)
  /// Something that is neither an address nor a path.
  case noSuchSource(String)
  /// A BDF of a device that this machine does not have.
  case noSuchDevice(PCIAddress)
  /// A JSON file that says something else than expected.
  case json(source: String, String)
  /// `--select` names a device that the sources do not hold.
  case notSelected(PCIAddress, available: [PCIAddress])
  /// A `--vfio-view` without the device, or of another one.
  case view(String)
}

extension InputProblem: CustomStringConvertible {
  /// The problem in words: file, line, what was expected.
  public var description: String {
    switch self {
    case .dump(let source, let error): return "\(source): \(error)"
    case .binary(let source, let error): return "\(source): \(error)"
    case .nothing(let source):
      return
        "\(source): no device found: expected lspci -x, -xxx or -xxxx output, survey lines, or "
        + "a binary config space of 64, 128, 256 or 4096 bytes"
    case .survey(let source, let line, let why):
      return "\(source): line \(line): not a survey line: \(why)"
    case .longLine(let source, let line, let limit):
      return
        "\(source): line \(line): longer than \(limit) bytes: expected one survey line a device"
    case .surveyNotUsable(let source, let line):
      return
        "\(source): line \(line): a survey line holds no config bytes: expected a dump (survey "
        + "lines go to `passage plan` or `passage survey --merge`)"
    case .host(let error): return "\(error)"
    case .noSuchSource(let source):
      return "\(source): no such file or folder: expected an address (0000:6a:01.0 or 6a:01.0), a "
        + "file, a folder, or - for standard input"
    case .noSuchDevice(let address):
      return "\(address): no such device on this machine: expected an address that `lspci -D` lists"
    case .json(let source, let why): return "\(source): \(why)"
    case .notSelected(let address, let available):
      let some = available.prefix(8).map { "\($0)" }.joined(separator: ", ")
      return "--select \(address): the sources do not hold it; they hold "
        + (available.isEmpty ? "no device with an address" : some)
        + (available.count > 8 ? " and \(available.count - 8) more" : "")
    case .view(let why): return "--vfio-view: \(why)"
    }
  }
}
