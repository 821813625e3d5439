import HostABI
import HostSystem
import Hardware
import IOMMU
import SoftHost
import Synchronization

/// The memory of a supervised program.
///
/// Structures are fetched once for each request: what stands at the argument's address is copied
/// with the first look, and later looks of the same request see that copy. So one request costs one
/// copy in and at most one out, and the program's other threads cannot change it under way.
final class ProgramMemory: CallerMemory {
  let process: Int32
  private let spaces: ForeignSpaces
  private let files: SharedFiles
  private let deviceFile: @Sendable (FileIdentity) -> OpenFiles.RealFile?
  private let maps: Int32?
  private let space = Mutex<Int?>(nil)

  /// What was fetched for the request that is being answered.
  private struct Window: Sendable {
    var start: UInt64 = 0
    var count = 0
    var bytes = InlineArray<128, UInt8>(repeating: 0)
    /// The page that was written last.
    var writtenPage: UInt64?

    /// Whether the same bytes were fetched from an address.
    func holds(_ bytes: RawSpan, at address: UInt64) -> Bool {
      let offset = address &- start
      guard address >= start, offset < UInt64(count), bytes.byteCount <= count - Int(offset)
      else { return false }
      let new = Span<UInt8>(_bytes: bytes)
      for index in new.indices where new[index] != self.bytes[Int(offset) + index] {
        return false
      }
      return true
    }
  }

  private let window = Mutex(Window())

  /// Makes the memory of a process.
  ///
  /// - Parameters:
  ///   - process: Its number.
  ///   - spaces: Where its own pages get a space.
  ///   - files: The files that are mapped here.
  ///   - deviceFile: The file of the host's, whose pages are no memory, if it is one.
  init(
    _ process: Int32, spaces: ForeignSpaces, files: SharedFiles,
    deviceFile: @escaping @Sendable (FileIdentity) -> OpenFiles.RealFile?
  ) {
    self.process = process
    self.spaces = spaces
    self.files = files
    self.deviceFile = deviceFile
    maps = try? Calls.open("/proc/\(process)/maps", flags: 0)
  }

  deinit {
    // Whoever pinned pages of the program held this object.
    if let space = space.withLock({ $0 }) { spaces.close(space) }
    if let maps { try? Calls.close(maps) }
  }

  var isGone: Bool { isReplaced }

  /// Whether the process has replaced itself, so that these addresses mean nothing any more.
  var isReplaced: Bool { maps.map { OtherProcess.isReplaced($0) } ?? true }

  /// Nobody reaches anything through the addresses from now on.
  func end() { if let space = space.withLock({ $0 }) { spaces.empty(space) } }

  /// Fetches what stands at a request's argument, up to the end of its page.
  func fetch(_ address: UInt64) {
    window.withLock { window in
      window.start = address
      let count = min(128, 4096 - Int(address & 4095))
      var span = window.bytes.mutableSpan
      var part = span._mutatingExtracting(0..<count)
      window.count = OtherProcess.read(process, address, into: &part)
    }
  }

  /// The request is over.
  func forget() { window.withLock { $0.count = 0 } }

  func read(_ address: UInt64, into bytes: inout MutableRawSpan) -> Bool {
    let count = bytes.byteCount
    if count == 0 { return true }
    let isKnown = window.withLock { window in
      guard address >= window.start, window.count > 0 else { return false }
      let offset = address - window.start
      guard offset < UInt64(window.count), count <= window.count - Int(offset) else { return false }
      for index in 0..<count {
        bytes.storeBytes(
          of: window.bytes[Int(offset) + index], toByteOffset: index, as: UInt8.self)
      }
      return true
    }
    return isKnown || OtherProcess.read(process, address, into: &bytes) == count
  }

  func write(_ bytes: RawSpan, to address: UInt64) -> Bool {
    let count = bytes.byteCount
    if count == 0 { return true }
    let page = address >> 12
    let isThere = window.withLock { window in
      // Bytes that stand there already need no call, where one has shown that they may be written.
      if window.writtenPage == page, window.holds(bytes, at: address) { return true }
      // What was fetched may have changed in our own hands.
      if address < window.start &+ UInt64(window.count), address &+ UInt64(count) > window.start {
        window.count = 0
      }
      return false
    }
    if isThere { return true }
    guard OtherProcess.write(process, bytes, to: address) == count else { return false }
    if (address &+ UInt64(count) &- 1) >> 12 == page {
      window.withLock { $0.writtenPage = page }
    }
    return true
  }

  // MARK: Pages for devices

  func pin(
    _ address: UInt64, pageCount: Int, writable: Bool
  ) throws(LinuxErrno) -> PinnedPages {
    guard pageCount > 0, pageCount <= Int.max >> 12,
      !address.addingReportingOverflow(UInt64(pageCount) << 12).overflow,
      address + UInt64(pageCount) << 12 <= 1 << 52
    else { throw .EFAULT }
    var extents: [PinnedPages.Extent] = []
    var owners: [any AnyObject & Sendable] = []
    var at = address
    let end = address + UInt64(pageCount) << 12
    while at < end {
      guard let area = area(at: at), area.isReadable, !writable || area.isWritable else {
        throw .EFAULT
      }
      let count = min(end, area.end) - at
      let (extent, owner) = try pin(area, at, count, writable: writable)
      extents.append(extent)
      owners.append(owner)
      at += count
    }
    let isHuge = owners.allSatisfy { ($0 as? SharedFile)?.hasHugePages ?? false }
    return PinnedPages(
      extents[0], keptBy: owners[0], others: Array(extents.dropFirst()),
      keptBy: Array(owners.dropFirst()), largestPage: isHuge ? 2 << 20 : 4096)
  }

  private func pin(
    _ area: MemoryArea, _ address: UInt64, _ count: UInt64, writable: Bool
  ) throws(LinuxErrno) -> (PinnedPages.Extent, any AnyObject & Sendable) {
    if area.isShared, let identity = area.file {
      // Linux pins no pages of a device (`VM_PFNMAP`).
      if deviceFile(identity) != nil { throw .EFAULT }
      let offset = area.offset + (address - area.start)
      if let file = file(identity, of: area, end: offset + count, writable: writable) {
        // Behind the end of its file the program has no pages either.
        guard offset + count <= (file.byteCount + 4095) & ~4095 else { throw .EFAULT }
        return (
          PinnedPages.Extent(
            address: file.memory.address + offset, pageCount: Int(count >> 12)), file
        )
      }
    }
    // Pages that are the program's alone are reached through its own addresses.
    let number = try ownSpace()
    return (
      PinnedPages.Extent(
        address: HostAddress(address, space: number).rawValue, pageCount: Int(count >> 12)), self
    )
  }

  func pinRegion(_ address: UInt64, pageCount: Int) throws(LinuxErrno) -> PinnedPages {
    guard pageCount > 0, pageCount <= Int.max >> 12,
      let area = area(at: address), area.isShared, let identity = area.file,
      let file = deviceFile(identity), file.isDevice,
      area.end - address >= UInt64(pageCount) << 12
    else { throw .EFAULT }
    let offset = area.offset + (address - area.start)
    guard offset < RegionOffset.fileSize else {
      // Registers answer the processor; another device's request finds nobody there.
      return PinnedPages(
        .init(
          address: HostAddress(offset & 0xF_FFFF_FFFF_F000, space: ForeignSpaces.nobody).rawValue,
          pageCount: pageCount), keptBy: file)
    }
    guard
      let memory = try? AnonymousMemory(
        mapping: file.descriptor, at: offset, byteCount: pageCount << 12)
    else { throw .ENOMEM }
    return PinnedPages(.init(address: memory.address, pageCount: pageCount), keptBy: memory)
  }

  private func ownSpace() throws(LinuxErrno) -> Int {
    let found = space.withLock { space in
      if space == nil { space = spaces.open(process, maps: maps) }
      return space
    }
    guard let found else { throw .ENOMEM }
    return found
  }

  /// The file behind an area, mapped here.
  private func file(
    _ identity: FileIdentity, of area: MemoryArea, end: UInt64, writable: Bool
  ) -> SharedFile? {
    if let known = files.find(identity, byteCount: end, isWritable: writable) { return known }
    let name = String(area.start, radix: 16) + "-" + String(area.end, radix: 16)
    let path = "/proc/\(process)/map_files/\(name)"
    for isWritable in [true, false] where isWritable || !writable {
      guard let descriptor = try? Calls.open(path, flags: isWritable ? 2 : 0) else { continue }
      defer { try? Calls.close(descriptor) }
      guard let facts = try? Calls.facts(of: descriptor), facts.isFile else { return nil }
      // What the kernel's list calls the file may differ from what stat does; the list comes first.
      let known = FileFacts(
        identity: identity, mode: facts.mode, deviceNumber: facts.deviceNumber,
        byteCount: facts.byteCount)
      return files.map(descriptor, known, isWritable: isWritable)
    }
    return openDescriptor(identity, writable: writable)
  }

  /// The file by one of the program's own descriptors, where its mappings cannot be opened.
  private func openDescriptor(_ identity: FileIdentity, writable: Bool) -> SharedFile? {
    guard let own = try? OtherProcess.open(process) else { return nil }
    defer { try? Calls.close(own) }
    for number in 0..<Int32(256) {
      guard let descriptor = try? OtherProcess.descriptor(number, of: own) else { continue }
      defer { try? Calls.close(descriptor) }
      guard let facts = try? Calls.facts(of: descriptor), facts.identity == identity,
        facts.isFile
      else { continue }
      if let file = files.map(descriptor, facts, isWritable: true) { return file }
      if !writable, let file = files.map(descriptor, facts, isWritable: false) { return file }
    }
    return nil
  }

  // MARK: Areas

  /// The area that holds an address.
  private func area(at address: UInt64) -> MemoryArea? {
    guard let maps else { return nil }
    do { return try OtherProcess.area(maps, at: address) } catch {
      return MemoryList(process).area(at: address)
    }
  }
}
