package import HostSystem

/// Something that did not come from a system call of the program.
package enum TracedEvent: Sendable {
  /// The program starts.
  case started(process: Int32, arguments: [String])
  /// The program ended.
  case ended(ProgramEnd)
  /// The last holder of a file went; what it held goes with it.
  case released(TracedFile)
  /// A device made a request to memory.
  case dma(TracedDMA)
  /// A device signalled an interrupt vector.
  case interrupt(device: Int, vector: Int)
  /// A device asked for a page.
  case pageRequest(TracedPageRequest)
  /// The answer to a group of page requests arrived at the device.
  case pageResponse(device: Int, pasid: UInt32?, group: UInt32, succeeded: Bool)
  /// A cached translation was used that the tables no longer hold.
  case stale(device: Int, pasid: UInt32?, address: UInt64)
  /// What the host still held after the program and all of its files were gone.
  case leftBehind(contexts: Int, chargedPages: Int)
  /// Something else worth knowing.
  case message(String)
}

/// One request of a device to memory.
package struct TracedDMA: Sendable {
  /// The device's number.
  package var device: Int
  /// The PASID of the request, if it has one.
  package var pasid: UInt32?
  /// The first address.
  package var address: UInt64
  /// How many bytes.
  package var byteCount: Int
  /// Whether memory was written.
  package var isWrite: Bool
  /// Why it failed, in words; `nil` when it was done.
  package var fault: String?

  /// Describes a request.
  package init(
    device: Int, pasid: UInt32?, address: UInt64, byteCount: Int, isWrite: Bool,
    fault: String? = nil
  ) {
    self.device = device
    self.pasid = pasid
    self.address = address
    self.byteCount = byteCount
    self.isWrite = isWrite
    self.fault = fault
  }
}

/// A page that a device asked for.
package struct TracedPageRequest: Sendable {
  /// The device's number.
  package var device: Int
  /// The PASID, if the request has one.
  package var pasid: UInt32?
  /// The page's address.
  package var address: UInt64
  /// What the device wants to do, such as `write`.
  package var access: String
  /// The page request group.
  package var group: UInt32
  /// Whether the host took the request.
  package var wasTaken: Bool

  /// Describes a request.
  package init(
    device: Int, pasid: UInt32?, address: UInt64, access: String, group: UInt32, wasTaken: Bool
  ) {
    self.device = device
    self.pasid = pasid
    self.address = address
    self.access = access
    self.group = group
    self.wasTaken = wasTaken
  }
}
