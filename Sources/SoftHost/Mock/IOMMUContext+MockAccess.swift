import HostABI

/// Emulated users of address spaces.
extension IOMMUContext {
  /// The access of a descriptor; `EBADFD` for any other.
  private func access(_ descriptor: UInt32, _ request: MockCall) throws(LinuxErrno) -> MockAccess {
    let file = try? request.call.caller.file(Int32(bitPattern: descriptor))
    guard case .access(let access)? = file?.kind else { throw .EBADFD }
    return access
  }

  /// Makes an access and opens it.
  func mockMakeAccess(_ request: MockCall) throws(LinuxErrno) {
    var argument = request.argument(MockAccessArgument.self)
    guard argument.flags & ~MockBits.accessNeedsPins == 0 else { throw .EOPNOTSUPP }
    let pins = argument.flags & MockBits.accessNeedsPins != 0
    let object = try create { id throws(LinuxErrno) -> (AccessObject, ObjectSlot) in
      let object = AccessObject(id: id, pageSize: pins ? Page.size : 1)
      try object.attach(to: self.ioas(argument.id))
      return (object, .access(object))
    }
    object.uses = 1
    let access = MockAccess(self, object, pins: pins)
    do {
      _ = try host.open(.access(access), for: self, by: request.call.caller) {
        number throws(LinuxErrno) in
        argument.outDescriptor = UInt32(bitPattern: number)
        try self.store(argument, request.call)
      }
    } catch {
      access.close()
      // Linux says so when no descriptor is free.
      throw error == .EMFILE ? .ENOMEM : error
    }
  }

  /// Moves an access to another address space; its pins are given back.
  func mockReplaceAccess(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockAccessReplaceArgument.self)
    let access = try access(argument.id, request)
    try access.access.attach(to: access.context.ioas(argument.ioasID))
  }

  /// Pins pages through an access, and compares them with the caller's.
  func mockPin(_ request: MockCall) throws(LinuxErrno) {
    var argument = request.argument(MockPinArgument.self)
    guard argument.length <= MockAccess.byteLimit else { throw .ENOMEM }
    guard argument.flags & ~(MockBits.pinWrite | MockBits.mappingNumber) == 0 else {
      throw .EOPNOTSUPP
    }
    let access = try access(argument.id, request)
    guard access.pins, let space = access.access.ioas else { throw .EOPNOTSUPP }
    var iova = argument.iova
    if argument.flags & MockBits.mappingNumber != 0 { iova = space.address(ofMapping: iova) }
    let range = try MockAccess.range(iova, argument.length)
    let held = try space.hold(
      range, writing: argument.flags & MockBits.pinWrite != 0, locking: false)
    do throws(LinuxErrno) {
      if argument.address != 0 {
        // Wrong addresses answer EFAULT, however they come about.
        var address = argument.address &- (iova & Page.mask)
        for page in held.pageAddresses {
          guard try hostPage(address, request.call.memory) == page else { throw .EBADE }
          address &+= Page.size
        }
      }
      let id = access.add(held)
      argument.outPinID = id
      do { try store(argument, request.call) } catch {
        try access.release(id)
        throw error
      }
    } catch {
      space.release(held)
      throw error
    }
  }

  /// Gives pinned pages back.
  func mockUnpin(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockUnpinArgument.self)
    try access(argument.id, request).release(argument.pinID)
  }

  /// Copies between the caller's memory and mapped pages.
  func mockCopy(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockCopyArgument.self)
    guard argument.length <= MockAccess.byteLimit else { throw .ENOMEM }
    let known = MockBits.copyWrite | MockBits.copySlowly | MockBits.mappingNumber
    guard argument.flags & ~known == 0 else { throw .EOPNOTSUPP }
    let access = try access(argument.id, request)
    let caller = request.call.caller
    let writes = argument.flags & MockBits.copyWrite != 0
    var bytes: [UInt8] = []
    if writes { bytes = try caller.memory.load(Int(argument.length), at: argument.address) }
    guard let space = access.access.ioas else { throw .ENOENT }
    var iova = argument.iova
    if argument.flags & MockBits.mappingNumber != 0 { iova = space.address(ofMapping: iova) }
    let range = try MockAccess.range(iova, argument.length)
    let own = argument.flags & MockBits.copySlowly == 0 ? caller.memory : nil
    if writes {
      try space.write(bytes, to: range, through: own)
    } else {
      try caller.memory.store(try space.read(range, through: own), at: argument.address)
    }
  }
}

extension MockAccess {
  /// The most bytes of one request.
  static let byteLimit: UInt64 = 16 << 20

  static func range(
    _ iova: UInt64, _ length: UInt64
  ) throws(LinuxErrno) -> ClosedRange<UInt64> {
    guard length > 0 else { throw .EINVAL }
    let (last, wraps) = iova.addingReportingOverflow(length - 1)
    if wraps { throw .EOVERFLOW }
    return iova...last
  }
}

extension IOMMUContext {
  /// With the mock's flag, COPY takes the number of a mapping in place of the source address.
  func convertMappingNumber(_ argument: inout IOASCopyArgument) {
    guard argument.flags & MockBits.mappingNumber != 0 else { return }
    argument.flags &= ~MockBits.mappingNumber
    guard let source = try? ioas(argument.sourceID) else { return }
    argument.sourceIOVA = source.address(ofMapping: argument.sourceIOVA)
  }
}

extension AddressSpace {
  /// An address that is given as the number of a mapping and an offset in it: the lower and the
  /// upper half of the value; 0 when there are not so many mappings.
  func address(ofMapping value: UInt64) -> UInt64 {
    var left = value & 0xFFFF_FFFF
    guard left < UInt64(areaCount) else { return 0 }
    var at = map.first(overlapping: 0...(.max))
    while let found = at, left > 0 {
      left -= 1
      at = found.last == .max ? nil : map.first(overlapping: (found.last + 1)...(.max))
    }
    return (at?.start ?? 0) &+ (value >> 32)
  }
}
