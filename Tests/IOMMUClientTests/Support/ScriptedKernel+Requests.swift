import HostABI
import Synchronization

extension ScriptedKernel {
  func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 {
    let given: any WireStructure = argument
    let (answer, errno) = state.withLock { state -> (any WireStructure, LinuxErrno?) in
      guard let path = state.files[descriptor] else { return (given, .EBADF) }
      state.calls.append(Call(request: request, descriptor: descriptor, argument: given))
      if let errno = state.failures[request]?.first {
        state.failures[request]?.removeFirst()
        return (given, errno)
      }
      guard path == "/dev/iommu" else {
        return state.device(request, descriptor, given)
      }
      guard let known = IOMMUFDRequest(rawValue: request & 0xFF) else { return (given, .ENOTTY) }
      return state.context(known, given)
    }
    if let answer = answer as? Argument { argument = answer }
    if let errno { throw errno }
    return 0
  }

  func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    try answer { (state) throws(LinuxErrno) in
      state.calls.append(
        Call(
          request: request, descriptor: descriptor, argument: DestroyArgument(),
          data: argument == 0 ? [] : try state.load(argument, 64)))
      if let errno = state.failures[request]?.first {
        state.failures[request]?.removeFirst()
        throw errno
      }
      if let structure = state.structures[request] { try state.store(structure, argument) }
      return 0
    }
  }
}

extension ScriptedKernel.State {
  /// A request of the context, for the structures that tests need an answer to.
  mutating func context(
    _ request: IOMMUFDRequest, _ argument: any WireStructure
  ) -> (any WireStructure, LinuxErrno?) {
    switch argument {
    case let a as DestroyArgument:
      guard objects[a.id] != nil else { return (a, .ENOENT) }
      guard !hasUsers(a.id) else { return (a, .EBUSY) }
      objects[a.id] = nil
      return (a, nil)
    case var a as IOASAllocArgument:
      a.outID = make(request)
      return (a, nil)
    case var a as HWPTAllocArgument:
      note(a.dataAddress, Int(a.dataLength))
      let hasFaults = HWPTFlags(rawValue: a.flags).contains(.faultIDValid)
      a.outID = make(request, uses: [a.parentID] + (hasFaults ? [a.faultID] : []))
      return (a, nil)
    case var a as FaultAllocArgument:
      a.outDescriptor = open("fault queue")
      a.outID = make(request, descriptor: a.outDescriptor)
      return (a, nil)
    case var a as VIOMMUAllocArgument:
      a.outID = make(request, uses: [a.hwptID])
      if a.dataLength == 16 {
        do { try store([0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], a.dataAddress) } catch {
          return (a, .EFAULT)
        }
      }
      return (a, nil)
    case var a as VDeviceAllocArgument:
      a.outID = make(request, uses: [a.viommuID])
      return (a, nil)
    case var a as VEventQueueAllocArgument:
      a.outDescriptor = open("event queue")
      a.outID = make(request, uses: [a.viommuID], descriptor: a.outDescriptor)
      return (a, nil)
    case var a as HWQueueAllocArgument:
      a.outID = make(request, uses: [a.viommuID])
      return (a, nil)
    default: return arrays(argument)
    }
  }

  /// A request whose answer lies behind an address.
  private mutating func arrays(
    _ argument: any WireStructure
  ) -> (any WireStructure, LinuxErrno?) {
    do throws(LinuxErrno) {
      switch argument {
      case var a as IOVARangesArgument:
        let capacity = Int(a.count)
        a.count = UInt32(ranges.count)
        a.outAlignment = 4096
        var bytes: [UInt8] = []
        for (start, last) in ranges.prefix(capacity) { bytes += Self.bytes(start, last) }
        try store(bytes, a.ranges)
        return (a, ranges.count > capacity ? .EMSGSIZE : nil)
      case let a as AllowIOVAsArgument:
        note(a.ranges, Int(a.count) * 16)
        return (a, nil)
      case var a as HardwareInfoArgument:
        var answer = hardware
        answer.size = a.size
        answer.dataLength = UInt32(hardwareBytes.count)
        let bytes = hardwareBytes.prefix(Int(a.dataLength))
        let zeros = [UInt8](repeating: 0, count: Int(a.dataLength) - bytes.count)
        try store(bytes + zeros, a.dataAddress)
        a = answer
        return (a, nil)
      case let a as GetDirtyBitmapArgument:
        try store(dirtyBytes, a.bitmap)
        return (a, nil)
      case var a as InvalidateArgument:
        note(a.dataAddress, Int(a.entryCount * a.entryLength))
        let count = Int(a.entryCount)
        defer { entriesSeen += count }
        guard let badEntry, entriesSeen..<entriesSeen + count ~= badEntry else { return (a, nil) }
        a.entryCount = UInt32(badEntry - entriesSeen)
        return (a, .EINVAL)
      case var a as OptionArgument where a.operation == 1:
        a.value = 1
        return (a, nil)
      case var a as IOASMapArgument:
        if a.flags & 1 == 0 { a.iova = 0x1000 }
        return (a, nil)
      case var a as IOASUnmapArgument:
        a.length = 0x3000
        return (a, nil)
      default: return (argument, nil)
      }
    } catch {
      return (argument, error)
    }
  }

  /// A request of a device.
  mutating func device(
    _ request: UInt32, _ descriptor: Int32, _ argument: any WireStructure
  ) -> (any WireStructure, LinuxErrno?) {
    switch argument {
    case var a as BindArgument:
      note(a.tokenAddress, a.flags == 1 ? 16 : 0)
      a.outDeviceID = make(nil)
      devices[descriptor] = a.outDeviceID
      return (a, nil)
    case let a as AttachArgument:
      guard objects[a.tableID] != nil else { return (a, .ENOENT) }
      attached[descriptor, default: [:]].updateValue(
        a.tableID, forKey: a.flags == 1 ? a.pasid : nil)
      return (a, nil)
    case let a as DetachArgument:
      attached[descriptor]?.removeValue(forKey: a.flags == 1 ? a.pasid : nil)
      return (a, nil)
    case var a as DeviceInfoArgument:
      (a.flags, a.regionCount, a.irqCount) = (3, 9, 5)
      return (a, nil)
    case var a as RegionInfoArgument:
      guard a.index < 9 else { return (a, .EINVAL) }
      (a.flags, a.offset) = (3, UInt64(a.index) << 40)
      a.byteCount = a.index == 7 ? UInt64(config.count) : 0
      if let structure = structures[request] {
        a.flags |= 8
        a.argumentSize = UInt32(structure.count)
      }
      return (a, nil)
    case var a as IRQInfoArgument:
      (a.flags, a.count) = (9, 8)
      return (a, nil)
    default: return (argument, nil)
    }
  }

  /// Keeps the bytes behind an address with the request.
  private mutating func note(_ address: UInt64, _ count: Int) {
    guard count > 0, let bytes = try? load(address, count) else { return }
    calls[calls.count - 1].data = bytes
  }

  static func bytes(_ values: UInt64...) -> [UInt8] {
    values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
  }
}
