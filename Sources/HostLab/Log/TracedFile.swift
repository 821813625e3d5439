/// One open file of the supervised program that the software host answers for.
package struct TracedFile: Hashable, Sendable {
  /// What was opened.
  package enum Kind: Hashable, Sendable {
    /// `/dev/iommu`, or `/dev/vfio/vfio`.
    case iommu
    /// `/dev/vfio/devices/vfioN`, or a group's device; by the device's number.
    case device(Int)
    /// `/dev/vfio/N`.
    case group(Int)
    /// A queue of page requests.
    case faults
    /// A queue of a vIOMMU's events.
    case events
    /// An access of the mock-device requests.
    case access
    /// A dma-buf of the mock-device requests.
    case buffer
  }

  /// What was opened.
  package var kind: Kind
  /// The file's own number; no later file gets it again.
  package var number: Int

  /// Names an open file.
  package init(_ kind: Kind, number: Int) {
    self.kind = kind
    self.number = number
  }

  /// The kind in a word: `iommu`, `vfio0`, `group10`.
  package var kindName: String {
    switch kind {
    case .iommu: "iommu"
    case .device(let index): "vfio\(index)"
    case .group(let number): "group\(number)"
    case .faults: "faults"
    case .events: "events"
    case .access: "access"
    case .buffer: "dmabuf"
    }
  }

  /// The name in the log, such as `iommu#1`.
  package var name: String { "\(kindName)#\(number)" }
}
