import VFIOUser
public import VirtualIOMMU

/// What happens while devices are served, for whoever wants to know.
public enum ServeEvent: Hashable, Sendable {
  /// A socket waits for its client.
  case listening(path: String)
  /// A client connected; its version and what it can do, in words.
  case connected(String)
  /// A client is gone, and why.
  case disconnected(String)
  /// A message was refused: its name, what was wrong in words, the errno of the reply.
  case refused(message: String, why: String, errno: Int32)
  /// Memory of the guest can be used.
  case mapped(ClosedRange<UInt64>, isReadable: Bool, isWritable: Bool, hasFile: Bool)
  /// Memory of the guest is gone.
  case unmapped(ClosedRange<UInt64>)
  /// A register of a region was read or written.
  case access(region: Int, offset: UInt64, byteCount: Int, value: UInt64, isWrite: Bool)
  /// An interrupt was signalled: the kind's VFIO number, and which.
  case interrupt(kind: Int, index: Int)
  /// An interrupt went as a message to an address of the guest.
  case message(address: UInt64, data: UInt32)
  /// Where interrupts go has changed: how many of the kind have somewhere to go.
  case interruptsChanged(kind: Int, active: Int)
  /// The function was reset: by whom, in words.
  case reset(String)
  /// What config space lets the function do has changed, in words ("bus master, PASID").
  case controls(String)
  /// The device moved memory, or could not, and why.
  case dma(pasid: UInt32?, address: UInt64, byteCount: Int, isWrite: Bool, fault: String?)
  /// The device asked for a page.
  case pageRequest(pasid: UInt32?, address: UInt64, isWrite: Bool, group: UInt16, wasTaken: Bool)
  /// The guest answered.
  case pageResponse(group: UInt16, code: PageGroupResponse.Code)
  /// The guest told the unit to forget something.
  case invalidated(VTdInvalidationBatch)
  /// What became of the VT-d unit's registers at a boot, in words.
  case registers(String)
  /// Something of the VT-d unit that an operator may want to know.
  case unit(VTdEvent)
  /// Anything else, in words.
  case note(String)
}

/// Hears of events; from any thread, and must not wait or call back.
public protocol ServeTrace: Sendable {
  /// Whether accesses to registers and memory are wanted, which are many.
  var wantsAccesses: Bool { get }

  /// Something happened.
  ///
  /// - Parameters:
  ///   - event: What.
  ///   - device: The device's name, or the unit's.
  func note(_ event: ServeEvent, of device: String)
}
