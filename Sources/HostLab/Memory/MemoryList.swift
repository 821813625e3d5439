import HostSystem

/// A process's memory as `/proc/PID/maps` lists it, for kernels that cannot be asked about one address.
struct MemoryList {
  private(set) var areas: [MemoryArea] = []

  init(_ process: Int32) {
    guard let text = Self.text("/proc/\(process)/maps") else { return }
    areas = text.split(separator: UInt8(ascii: "\n")).compactMap(Self.area)
  }

  /// The area that holds an address.
  func area(at address: UInt64) -> MemoryArea? {
    areas.first { $0.start <= address && address < $0.end }
  }

  /// Whether a process is there.
  static func exists(_ process: Int32) -> Bool {
    guard let file = try? Calls.open("/proc/\(process)/stat", flags: 0) else { return false }
    try? Calls.close(file)
    return true
  }

  /// A whole file of `/proc`.
  static func text(_ path: String) -> [UInt8]? { try? Calls.contents(path, limit: 16 << 20) }

  /// `START-END rwxs OFFSET MAJOR:MINOR INODE PATH`.
  private static func area(_ line: ArraySlice<UInt8>) -> MemoryArea? {
    let words = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
    guard words.count >= 5 else { return nil }
    let range = words[0].split(separator: UInt8(ascii: "-"))
    let device = words[3].split(separator: UInt8(ascii: ":"))
    guard range.count == 2, device.count == 2, words[1].count == 4,
      let start = number(range[0], 16), let end = number(range[1], 16),
      let offset = number(words[2], 16), let major = number(device[0], 16),
      let minor = number(device[1], 16), let inode = number(words[4], 10)
    else { return nil }
    let flags = Array(words[1])
    return MemoryArea(
      start: start, end: end, isReadable: flags[0] == UInt8(ascii: "r"),
      isWritable: flags[1] == UInt8(ascii: "w"), isShared: flags[3] == UInt8(ascii: "s"),
      offset: offset,
      file: inode == 0
        ? nil
        : FileIdentity(
          device: FileIdentity.deviceNumber(
            major: UInt32(truncatingIfNeeded: major), minor: UInt32(truncatingIfNeeded: minor)),
          inode: inode))
  }

  private static func number(_ digits: ArraySlice<UInt8>, _ radix: Int) -> UInt64? {
    UInt64(String(decoding: digits, as: UTF8.self), radix: radix)
  }
}
