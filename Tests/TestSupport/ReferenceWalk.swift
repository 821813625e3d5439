public import PCIe

/// An entry as the reference walk sees it.
public struct ReferenceEntry: Hashable, Sendable {
  /// The capability ID.
  public let id: Int
  /// The version; 0 in the legacy list.
  public let version: Int
  /// The offset of the header.
  public let offset: Int

  /// Makes an entry, for what somebody else says about a list.
  public init(id: Int, version: Int, offset: Int) {
    self.id = id
    self.version = version
    self.offset = offset
  }
}

/// A second walk over capability lists, written apart from the project's own and as plainly as
/// possible, to compare with.
public enum ReferenceWalk {
  /// The entries of the extended list, and whether it ended with a pointer of zero.
  public static func extended(
    _ bytes: [UInt8]
  ) -> (entries: [ReferenceEntry], isIntact: Bool) {
    func dword(_ at: Int) -> Int {
      Int(bytes[at]) | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2]) << 16 | Int(bytes[at + 3]) << 24
    }
    if dword(0) == 0xFFFF_FFFF, dword(8) == 0xFFFF_FFFF { return ([], false) }
    guard bytes.count == 4096 else { return ([], true) }
    if dword(0x100) == 0 || dword(0x100) == 0xFFFF_FFFF { return ([], true) }
    if stride(from: 0, to: 4096, by: 256).allSatisfy({ dword($0) == dword(0) }) {
      return ([], false)
    }
    var entries: [ReferenceEntry] = []
    var visited = Array(repeating: false, count: 1024)
    var aligned = true
    var at = 0x100
    while true {
      let header = dword(at)
      if visited[at / 4] || entries.count == 480 || header == 0 || header == 0xFFFF_FFFF {
        return (entries, false)
      }
      visited[at / 4] = true
      entries.append(ReferenceEntry(id: header % 65536, version: header / 65536 % 16, offset: at))
      let next = header >> 20
      aligned = aligned && next % 4 == 0
      at = next / 4 * 4
      if at == 0 { return (entries, aligned) }
      if at < 0x100 { return (entries, false) }
    }
  }

  /// The entries of the legacy list, and whether it ended with a pointer of zero.
  public static func legacy(_ bytes: [UInt8]) -> (entries: [ReferenceEntry], isIntact: Bool) {
    if (bytes.prefix(4) + bytes[8..<12]).allSatisfy({ $0 == 0xFF }) { return ([], false) }
    guard bytes[6] & 0x10 != 0 else { return ([], true) }
    var entries: [ReferenceEntry] = []
    var aligned = true
    var pointer = Int(bytes[bytes[0x0E] & 0x7F == 2 ? 0x14 : 0x34])
    while pointer != 0 {
      aligned = aligned && pointer % 4 == 0
      let at = pointer / 4 * 4
      let known = entries.contains { $0.offset == at }
      if pointer == 0xFF || at < 0x40 || at + 4 > bytes.count || known { return (entries, false) }
      if bytes[at] == 0xFF || bytes[at] == 0 && bytes[at + 1] == 0 { return (entries, false) }
      entries.append(ReferenceEntry(id: Int(bytes[at]), version: 0, offset: at))
      pointer = Int(bytes[at + 1])
    }
    return (entries, aligned)
  }
}

extension Capability {
  /// What the reference walk would say about this entry.
  public var reference: ReferenceEntry {
    ReferenceEntry(id: Int(id), version: Int(version), offset: offset)
  }
}
