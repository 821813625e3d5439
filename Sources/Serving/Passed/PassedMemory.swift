import HostABI
import HostSystem
import Hardware
import IOMMUClient
import Passthrough
import Synchronization
public import VFIOUser

/// Mappings of a client that a device reaches.
struct PassedMemory {
  /// Our own view of a file, for kernels that do not take files: its address and bytes.
  typealias View = (address: UInt64, byteCount: Int)

  /// First addresses of those that the device reaches.
  private(set) var held: Set<UInt64> = []
  /// By first address, the views of those that have one.
  private(set) var views: [UInt64: View] = [:]
  /// By first address, with the last: what has no file, which no device of the host can reach.
  var unreachable: [UInt64: UInt64] = [:]
  /// Whether the kernel takes files (`IOMMU_IOAS_MAP_FILE`, Linux 6.14).
  var takesFiles = true
  /// As many may have a view: each is a mapping of this process, which can have some 65,000.
  static let viewLimit = 4096

  /// The device reaches a mapping.
  mutating func hold(_ start: UInt64, _ view: View?) {
    held.insert(start)
    if let view { views[start] = view }
  }

  /// The device does not reach a mapping any more, whose view is to go.
  mutating func letGo(_ start: UInt64) -> View? {
    held.remove(start)
    return views.removeValue(forKey: start)
  }

  /// Nothing is reached any more; all views are to go.
  mutating func letGoOfAll() -> [View] {
    defer { (held, views) = ([], [:]) }
    return Array(views.values)
  }
}

extension PassedDevice {
  /// Lets the device reach memory of the client.
  ///
  /// The file is given to iommufd as it is (`IOMMU_IOAS_MAP_FILE`); where the kernel does not take it,
  /// being older than 6.14, a view of it in this process is. Nobody here reads through the view, so a
  /// file that shrinks harms nobody; but pinning reads the pages, and waits for whoever serves them, so
  /// only files in memory are taken. Memory without a file stays unreachable: a device of the host
  /// cannot send messages.
  ///
  /// - Parameter mapping: The memory.
  /// - Throws: `EINVAL` for memory that may be written and not read, for a file that is not in memory or
  ///   too short; `EEXIST` when it overlaps other memory; `ENOSPC` for too many views; otherwise the
  ///   kernel's answer, such as `ENOMEM` at the limit of locked memory.
  public func map(_ mapping: UserMapping) throws(UserRefusal) {
    let start = mapping.range.lowerBound
    let (byteCount, overflow) = (mapping.range.upperBound - start).addingReportingOverflow(1)
    guard !overflow, mapping.isReadable || !mapping.isWritable else { throw UserRefusal(.EINVAL) }
    guard let (file, offset) = mapping.file, mapping.isReadable else {
      memory.withLock { $0.unreachable[start] = mapping.range.upperBound }
      noteMapped(mapping)
      return
    }
    try mapping.checkFile()
    // One change of memory at a time.
    let problem = memory.withLock { memory -> LinuxErrno? in
      do throws(LinuxErrno) {
        let view = try add(
          start, byteCount, file.descriptor, offset, isReadOnly: !mapping.isWritable, &memory)
        memory.hold(start, view)
        return nil
      } catch { return error }
    }
    if let problem {
      let why: String? =
        switch problem {
        case .ENOMEM: "the limit of locked memory (ulimit -l) may be too low"
        case .ENOSPC:
          "this kernel takes no files (Linux 6.14 does), and a client has at most "
            + "\(PassedMemory.viewLimit) mappings then"
        default: nil
        }
      throw UserRefusal(problem, why)
    }
    noteMapped(mapping)
  }

  private func noteMapped(_ mapping: UserMapping) {
    note(
      .mapped(
        mapping.range, isReadable: mapping.isReadable, isWritable: mapping.isWritable,
        hasFile: mapping.file != nil))
  }

  /// Maps a file, or a view of it.
  ///
  /// - Returns: The view, when there is one.
  private func add(
    _ start: UInt64, _ byteCount: UInt64, _ descriptor: Int32, _ offset: UInt64,
    isReadOnly: Bool, _ memory: inout PassedMemory
  ) throws(LinuxErrno) -> PassedMemory.View? {
    if memory.takesFiles {
      do throws(LinuxErrno) {
        try give(
          start, byteCount, .file(descriptor: descriptor, offset: offset), isReadOnly: isReadOnly)
        return nil
      } catch {
        // What a view would not mend.
        if error == .ENOMEM || error == .EEXIST || error == .EADDRINUSE { throw error }
        if error == .ENOTTY { memory.takesFiles = false }
      }
    }
    guard memory.views.count < PassedMemory.viewLimit else { throw .ENOSPC }
    guard byteCount <= 1 << 46 else { throw .EINVAL }
    // Huge pages are mapped and unmapped whole, wherever the range begins.
    let pageSize = Calls.pageSize(of: descriptor)
    let lead = offset & (pageSize - 1)
    let count = Int((lead + byteCount + (pageSize - 1)) & ~(pageSize - 1))
    let address = try kernel.map(
      descriptor, offset: offset - lead, count, isReadOnly ? .read : [.read, .write])
    do throws(LinuxErrno) {
      try give(start, byteCount, .memory(address: address + lead), isReadOnly: isReadOnly)
    } catch {
      try? kernel.release(address, count)
      throw error
    }
    return (address, count)
  }

  private func give(
    _ start: UInt64, _ byteCount: UInt64, _ backing: GuestMemoryRegion.Backing, isReadOnly: Bool
  ) throws(LinuxErrno) {
    do throws(GuestMemoryError) {
      try machine.map(
        GuestMemoryRegion(
          at: GuestPhysicalAddress(start), byteCount: byteCount, backing, isReadOnly: isReadOnly))
    } catch {
      switch error {
      case .badRange: throw .EINVAL
      case .overlaps: throw .EEXIST
      case .noRegion: throw .ENOENT
      case .host(_, let error): throw error.errno ?? .EIO
      }
    }
  }

  /// Takes memory away from the device: its DMA there fails when this returns.
  ///
  /// Should the kernel not take it away, the device is given back instead: nothing may reach memory
  /// that the client believes to be its own again.
  ///
  /// - Parameter range: The addresses of one mapping.
  public func unmap(_ range: ClosedRange<UInt64>) {
    // Nothing when it was not mapped.
    let isGone = memory.withLock { memory -> Bool? in
      if memory.unreachable.removeValue(forKey: range.lowerBound) != nil { return true }
      guard memory.held.contains(range.lowerBound) else { return nil }
      guard take(range) else { return false }
      if let view = memory.letGo(range.lowerBound) {
        try? kernel.release(view.address, view.byteCount)
      }
      return true
    }
    guard let isGone else { return }
    guard !isGone else {
      note(.unmapped(range))
      return
    }
    note(.note("the kernel does not take memory away from the device: it is given back"))
    end()
  }

  private func take(_ range: ClosedRange<UInt64>) -> Bool {
    let addresses =
      GuestPhysicalAddress(range.lowerBound)...GuestPhysicalAddress(range.upperBound)
    // Another thread of the kernel may be in the way for a moment.
    for _ in 0..<2 where (try? machine.unmap(addresses)) != nil { return true }
    return false
  }

  /// Takes all memory away.
  ///
  /// - Returns: Whether the device reaches nothing any more.
  func unmapAll() -> Bool {
    memory.withLock { memory in
      memory.unreachable = [:]
      // The last first, since that is the cheapest to take out of a table in order.
      for region in machine.regions.reversed() {
        let (first, last) = (region.range.lowerBound.rawValue, region.range.upperBound.rawValue)
        guard take(first...last) else { return false }
        if let view = memory.letGo(first) {
          try? kernel.release(view.address, view.byteCount)
        }
      }
      return true
    }
  }

  /// Lets go of all views, once the device is closed.
  func releaseMemory() {
    _ = unmapAll()
    memory.withLock { memory in
      for view in memory.letGoOfAll() { try? kernel.release(view.address, view.byteCount) }
    }
  }
}
