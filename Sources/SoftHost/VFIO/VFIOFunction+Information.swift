package import HostABI
import HostSystem
import PCIe

/// An answer with capabilities behind it.
package struct InformationReply<Argument: WireStructure>: Sendable {
  /// The structure to write back.
  package var argument: Argument
  /// How many of its bytes go back to the caller.
  package var byteCount: Int
  /// The capabilities, to be written right behind the whole structure; none when they do not fit.
  package var capabilities: [UInt8] = []
}

extension VFIOFunction {
  /// `VFIO_DEVICE_GET_INFO`.
  ///
  /// - Throws: `EINVAL` for an argument size below 16.
  package mutating func information(
    _ argument: DeviceInfoArgument
  ) throws(LinuxErrno) -> InformationReply<DeviceInfoArgument> {
    try wake()
    guard argument.argumentSize >= 16 else { throw .EINVAL }
    var answer = DeviceInfoArgument()
    answer.argumentSize = argument.argumentSize
    answer.flags =
      (description.resetWorks ? [.pci, .reset] : VFIODeviceFlags.pci).rawValue
    answer.regionCount = VFIOPCI.regionCount
    answer.irqCount = VFIOPCI.irqCount
    // Atomic operations work in no width here, so there is no capability to tell of them.
    return InformationReply(
      argument: answer, byteCount: Int(min(argument.argumentSize, 24)))
  }

  /// `VFIO_DEVICE_GET_REGION_INFO`.
  ///
  /// When the capabilities do not fit, the answer says how much memory they need.
  ///
  /// - Throws: `EINVAL` for an argument size below 32, a region past the last, and VGA.
  package mutating func regionInformation(
    _ argument: RegionInfoArgument
  ) throws(LinuxErrno) -> InformationReply<RegionInfoArgument> {
    try wake()
    guard argument.argumentSize >= 32, argument.index < VFIOPCI.vgaRegion else { throw .EINVAL }
    var answer = argument
    answer.offset = UInt64(argument.index) << VFIOPCI.offsetShift
    answer.byteCount = regionByteCount(argument.index)
    var flags: VFIORegionFlags = []
    var list = CapabilityChain(start: RegionInfoArgument.byteCount)
    switch argument.index {
    case VFIOPCI.configRegion: flags = [.read, .write]
    case VFIOPCI.romRegion: flags = answer.byteCount > 0 ? .read : []
    default:
      if let bar = bar(Int(argument.index)) {
        flags = [.read, .write]
        if isMappable(bar) {
          flags.insert(.mmap)
          // A region that a model serves has no memory to map; programs that know the capability
          // then use the descriptor.
          list.addSparseAreas(bar.mappableAreas, evenNone: bar.isServed)
          if bar.index == vectorTable?.bar { list.add(id: 3, version: 1) }
        }
      }
    }
    answer.flags = flags.rawValue
    guard !list.bytes.isEmpty else { return InformationReply(argument: answer, byteCount: 32) }
    answer.flags |= VFIORegionFlags.capabilities.rawValue
    let needed = UInt32(32 + list.bytes.count)
    guard argument.argumentSize >= needed else {
      answer.argumentSize = needed
      answer.capabilityOffset = 0
      return InformationReply(argument: answer, byteCount: 32)
    }
    answer.capabilityOffset = 32
    return InformationReply(argument: answer, byteCount: 32, capabilities: list.bytes)
  }

  /// `VFIO_DEVICE_GET_IRQ_INFO`.
  ///
  /// - Throws: `EINVAL` for an argument size below 16, a kind past the last, and device errors of a
  ///   function that is not PCI Express.
  package mutating func irqInformation(
    _ argument: IRQInfoArgument
  ) throws(LinuxErrno) -> IRQInfoArgument {
    try wake()
    guard argument.argumentSize >= 16, let kind = IRQIndex(rawValue: argument.index),
      kind != .error || isPCIExpress
    else { throw .EINVAL }
    var answer = argument
    answer.count = UInt32(irqCount(kind))
    answer.flags =
      switch kind {
      case .intx: 7
      case .msix: description.addsVectors ? 1 : 9
      case .msi, .error, .request: 9
      }
    return answer
  }

  /// The sizes of the regions, in bytes; 0 for one that is not there.
  package func regionByteCount(_ index: UInt32) -> UInt64 {
    switch index {
    case 0...5: bar(Int(index))?.byteCount ?? 0
    case VFIOPCI.romRegion:
      if let rom = description.rom, !rom.image.isEmpty { rom.byteCount } else { 0 }
    case VFIOPCI.configRegion: UInt64(registers.count)
    default: 0
    }
  }

  /// The description of a base address register.
  func bar(_ index: Int) -> BARDescription? { description.bars.first { $0.index == index } }

  /// Whether a region can be mapped: memory that has whole pages to itself.
  func isMappable(_ bar: BARDescription) -> Bool {
    guard bar.kind != .io, bar.allowsMapping else { return false }
    return bar.byteCount >= 4096
      || registers.read(.dword, at: bar.registerOffset) & 0xFF0 == 0
  }

  /// Checks a request to map part of a region.
  ///
  /// - Parameters:
  ///   - offset: The offset in the file, a multiple of the page size.
  ///   - byteCount: How much, a multiple of the page size.
  ///   - isShared: Whether writes are to reach the device.
  /// - Returns: The base address register and the place in it.
  /// - Throws: `EINVAL`.
  package func checkMapping(
    at offset: UInt64, byteCount: UInt64, isShared: Bool
  ) throws(LinuxErrno) -> (bar: Int, position: UInt64) {
    guard isOpen, isShared else { throw .EINVAL }
    let index = offset >> VFIOPCI.offsetShift
    let position = offset & (1 << VFIOPCI.offsetShift - 1)
    guard index < 6, let bar = bar(Int(index)), isMappable(bar), offset & 4095 == 0,
      byteCount > 0
    else { throw .EINVAL }
    let end = position.addingReportingOverflow(byteCount)
    guard !end.overflow, end.partialValue <= (bar.byteCount + 4095) & ~4095 else { throw .EINVAL }
    return (bar.index, position)
  }

  /// The memory of a BAR that a program maps; `ENOMEM`, or `ENODEV` for one that a device model serves.
  mutating func mappedMemory(bar index: Int) throws(LinuxErrno) -> AnonymousMemory {
    guard let bar = bar(index), case .memory = bar.backing else { throw .ENODEV }
    return try memories[index].shown()
  }
}

/// A list of `vfio_info_cap_header` and bodies as it follows a structure.
struct CapabilityChain {
  private(set) var bytes: [UInt8] = []
  private var last: Int?
  /// The size of the structure in front, from which offsets count.
  let start: Int

  init(start: Int) { self.start = start }

  /// Adds one capability, in whole 8-byte units.
  mutating func add(id: UInt16, version: UInt16, _ body: [UInt64] = []) {
    if let last {
      let next = UInt32(start + bytes.count)
      for index in 0..<4 {
        bytes[last + 4 + index] = UInt8(truncatingIfNeeded: next >> UInt32(8 * index))
      }
    }
    last = bytes.count
    append(UInt64(id) | UInt64(version) << 16)
    for word in body { append(word) }
  }

  /// `VFIO_REGION_INFO_CAP_SPARSE_MMAP`, when there are areas or their lack is to be told.
  mutating func addSparseAreas(_ areas: [Range<UInt64>], evenNone: Bool) {
    guard evenNone || !areas.isEmpty else { return }
    let words = areas.flatMap { [$0.lowerBound, $0.upperBound - $0.lowerBound] }
    add(id: 1, version: 1, [UInt64(areas.count)] + words)
  }

  private mutating func append(_ word: UInt64) {
    for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * index))) }
  }
}
