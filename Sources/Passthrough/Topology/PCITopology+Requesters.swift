public import Hardware
public import VirtualIOMMU

/// Who a function is to the IOMMU that its requests reach.
public struct Requester {
  /// The requester ID that its requests carry there.
  public let id: RequesterID
  /// Whether the guest has numbered all buses on the way; until then the ID means nothing.
  public let isNumbered: Bool
  /// The IOMMU; without one, requests are not translated.
  public let iommu: (any GuestIOMMU)?
  /// The bridge nearest to the root from which on the function's requests carry a bridge's ID, by
  /// name; `nil` when they carry the function's own.
  public let aliasedBy: String?

  /// What the IOMMU asks of the host; nothing when there is none.
  public var flags: VIOMMUFlags { iommu?.flags ?? [] }
}

extension PCITopology {
  /// Finds the IOMMU that a function's requests reach, and the ID that they carry there.
  ///
  /// Behind conventional PCI requests lose their function's ID: a bridge from PCI Express gives them
  /// the number of its secondary bus with device and function 0 (PCI Express to PCI Bridge
  /// Specification 1.0, 2.3), a conventional bridge its own ID. So all functions behind such a
  /// bridge are one requester, and share what it is translated by.
  ///
  /// - Parameter function: The function.
  /// - Returns: The requester; `nil` for a function that was removed.
  public func requester(of function: FunctionID) -> Requester? {
    guard var at = self[function] else { return nil }
    var id = identity(of: at)
    var aliasedBy: String?
    var isNumbered = true
    while let bridge = bridge(above: at) {
      // A bridge comes out of reset with 0, which is no bus behind a bridge.
      if buses[at.bus.index].number == 0 { isNumbered = false }
      switch bridge.facts.kind {
      case .expressToPCIBridge:
        id = RequesterID(
          segment: id.segment, bus: buses[at.bus.index].number, devfn: 0)
        aliasedBy = label(of: bridge)
      case .conventionalBridge:
        id = identity(of: bridge)
        aliasedBy = label(of: bridge)
      default: break
      }
      at = bridge
    }
    return Requester(
      id: id, isNumbered: isNumbered, iommu: buses[at.bus.index].iommu, aliasedBy: aliasedBy)
  }

  private func identity(of function: Function) -> RequesterID {
    let bus = buses[function.bus.index]
    return RequesterID(
      segment: bus.segment, bus: bus.number, devfn: function.device << 3 | function.function)
  }
}

extension PCITopology {
  /// Whether a function is on a root bus.
  public func isOnRootBus(_ function: FunctionID) -> Bool {
    self[function].map { bridge(above: $0) == nil } ?? false
  }

  /// Whether a function's device has further functions, or was said to have.
  public func isMultiFunction(_ function: FunctionID) -> Bool {
    guard let at = self[function] else { return false }
    return at.facts.isMultiFunction || hasSiblings(at)
  }
}
