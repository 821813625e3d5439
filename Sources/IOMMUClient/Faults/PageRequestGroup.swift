public import Hardware

/// One page that a device asks for.
public struct PageRequest: Hashable, Sendable {
  /// The address in the space of the device's table.
  public let address: IOVA
  /// What the device wants to do.
  public let access: DMAAccess
}

/// Page requests that a device made together and that get one answer.
public struct PageRequestGroup: Hashable, Sendable {
  /// How the answer names the group; the queue uses it again once it is answered.
  public let cookie: UInt32
  /// The device, by the number that ``BoundDevice`` has.
  public let deviceID: UInt32
  /// The device's own number for the group.
  public let groupIndex: UInt32
  /// The PASID of the requests; `nil` for requests without one.
  public let pasid: PASID?
  /// The requests in the order in which they came.
  public let requests: [PageRequest]
}

/// How a group of page requests is answered.
public enum PageResponse: UInt32, Hashable, Sendable {
  /// The pages are there now.
  case success
  /// The device may not have them.
  case invalid
}
