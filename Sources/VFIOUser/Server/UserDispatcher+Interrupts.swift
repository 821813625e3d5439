import HostABI
import Hardware

extension UserDispatcher {
  /// `VFIO_USER_DEVICE_SET_IRQS`: argsz, flags, index, start, count, data.
  func setInterrupts(_ payload: Span<UInt8>, _ files: [ReceivedFile]) throws(Refusal) -> Int {
    guard let argumentSize = payload.little(UInt32.self, at: 0),
      let bits = payload.little(UInt32.self, at: 4),
      let kind = payload.little(UInt32.self, at: 8),
      let start = payload.little(UInt32.self, at: 12),
      let count = payload.little(UInt32.self, at: 16), argumentSize >= 20
    else { throw Refusal(.EINVAL, "the message is too short") }
    guard Int(kind) < information.interrupts.count else {
      throw Refusal(.EINVAL, "there is no such kind of interrupt")
    }
    let interrupts = information.interrupts[Int(kind)]
    let flags = VFIOSetIRQsFlags(rawValue: bits)
    let data = flags.intersection([.dataNone, .dataBool, .dataEventFD])
    let action = flags.intersection([.mask, .unmask, .trigger])
    guard bits & ~0x3F == 0, data.rawValue.nonzeroBitCount == 1,
      action.rawValue.nonzeroBitCount == 1
    else { throw Refusal(.EINVAL, "not one kind of data and one action") }
    guard files.isEmpty || data == .dataEventFD else {
      throw Refusal(.EINVAL, "descriptors come where none are told")
    }
    if count == 0 {
      guard data == .dataNone, action == .trigger, start == 0 else {
        throw Refusal(.EINVAL, "nothing is told to be done")
      }
      return try change(UserInterruptChange(kind: Int(kind), start: 0, actions: []))
    }
    guard UInt64(start) + UInt64(count) <= UInt64(interrupts.count) else {
      throw Refusal(.EINVAL, "there are not so many interrupts")
    }
    let actions: [UserInterruptChange.Action]
    if data == .dataEventFD {
      actions = try eventActions(action, Int(count), files, interrupts)
    } else {
      actions = try plainActions(action, data, Int(count), payload, interrupts)
    }
    return try change(
      UserInterruptChange(kind: Int(kind), start: Int(start), actions: actions))
  }

  private func eventActions(
    _ action: VFIOSetIRQsFlags, _ count: Int, _ files: [ReceivedFile],
    _ interrupts: UserDeviceInformation.Interrupts
  ) throws(Refusal) -> [UserInterruptChange.Action] {
    guard files.isEmpty || files.count == count else {
      throw Refusal(.EINVAL, "there are not as many descriptors as interrupts")
    }
    let hasEvents: UInt32 = 1
    guard interrupts.flags & hasEvents != 0 else {
      throw Refusal(.EINVAL, "such interrupts have no eventfd")
    }
    return try (0..<count).map { index throws(Refusal) in
      let file = files.isEmpty ? nil : files[index]
      switch action {
      case .trigger: return .trigger(file)
      case .unmask:
        try checkMaskable(interrupts)
        return .unmaskBy(file)
      default: throw Refusal(.EOPNOTSUPP, "an eventfd does not mask")
      }
    }
  }

  private func plainActions(
    _ action: VFIOSetIRQsFlags, _ data: VFIOSetIRQsFlags, _ count: Int, _ payload: Span<UInt8>,
    _ interrupts: UserDeviceInformation.Interrupts
  ) throws(Refusal) -> [UserInterruptChange.Action] {
    guard data == .dataNone || payload.count >= 20 + count else {
      throw Refusal(.EINVAL, "there are not as many bytes as interrupts")
    }
    if action != .trigger { try checkMaskable(interrupts) }
    var actions: [UserInterruptChange.Action] = []
    actions.reserveCapacity(count)
    for index in 0..<count {
      guard data == .dataNone || payload[20 + index] != 0 else {
        actions.append(.none)
        continue
      }
      switch action {
      case .trigger: actions.append(.fire)
      case .mask: actions.append(.mask)
      default: actions.append(.unmask)
      }
    }
    return actions
  }

  private func checkMaskable(
    _ interrupts: UserDeviceInformation.Interrupts
  ) throws(Refusal) {
    let isMaskable: UInt32 = 2
    guard interrupts.flags & isMaskable != 0 else {
      throw Refusal(.EINVAL, "such interrupts cannot be masked")
    }
  }

  private func change(_ change: UserInterruptChange) throws(Refusal) -> Int {
    do throws(LinuxErrno) { try device.setInterrupts(change) } catch {
      throw Refusal(device: error)
    }
    return 0
  }
}
