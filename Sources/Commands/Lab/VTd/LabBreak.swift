/// A part that is made to fail, so that it can be seen what an operator is told.
package enum LabBreak: String, CaseIterable, Sendable {
  case noHostPASID = "no-host-pasid"
  case mdev
  case legacyContainer = "legacy-container"
  case blockedPath = "blocked-path"
  case collidingOffset = "colliding-offset"
  case narrowVIOMMU = "narrow-viommu"
  case noPageRequests = "no-page-requests"
  case noNesting = "no-nesting"
  case narrowHost = "narrow-host"
  case noCachingMode = "no-caching-mode"
  case conventionalBridge = "conventional-bridge"
  case memoryLimit = "memory-limit"
  case refusedAttach = "refused-attach"
  case forgottenAttach = "forgotten-attach"
  case refusedReplace = "refused-replace"
  case wrongDescriptor = "wrong-descriptor"
  case forgottenInvalidation = "forgotten-invalidation"
  case refusedInvalidation = "refused-invalidation"
  case fullPageRequestQueue = "full-page-request-queue"
  case noDirtyTracking = "no-dirty-tracking"
  case otherLayout = "other-layout"

  /// When it shows.
  package enum Effect: Hashable, Sendable {
    /// The device cannot be realised, and nothing of it is left.
    case refusesDevice
    /// The device is realised without PASIDs.
    case withholdsPASIDs
    /// One step goes otherwise, and the run goes on.
    case changesStep(LabStep.Name)
  }

  /// When it shows.
  package var effect: Effect {
    switch self {
    case .noNesting, .narrowHost, .noCachingMode, .conventionalBridge, .memoryLimit:
      .refusesDevice
    case .noHostPASID, .mdev, .legacyContainer, .blockedPath, .collidingOffset: .withholdsPASIDs
    case .narrowVIOMMU, .refusedAttach, .forgottenAttach: .changesStep(.attach)
    case .refusedReplace: .changesStep(.replace)
    case .wrongDescriptor, .forgottenInvalidation, .refusedInvalidation:
      .changesStep(.invalidation)
    case .noPageRequests, .fullPageRequestQueue: .changesStep(.pageRequests)
    case .noDirtyTracking, .otherLayout: .changesStep(.migration)
    }
  }

  /// What fails, in a line.
  package var summary: String {
    switch self {
    case .noHostPASID: "the host has not enabled the device's PASIDs"
    case .mdev: "the device is a mediated one, which no IOMMU of the host stands before"
    case .legacyContainer: "the VMM has the device through a legacy container"
    case .blockedPath: "the guest's root port has no Access Control Services"
    case .collidingOffset: "the operator asks for an offset that another capability has"
    case .narrowVIOMMU: "the guest's unit has fewer PASID bits than the device"
    case .noPageRequests: "the host has not enabled the device's page requests"
    case .noNesting: "the host's unit cannot nest translations"
    case .narrowHost: "the host translates fewer address bits than the guest was promised"
    case .noCachingMode: "the guest's unit has no caching mode: nobody tells of new PASIDs"
    case .conventionalBridge: "the guest has the device below a conventional PCI bridge"
    case .memoryLimit: "the VMM may lock less memory than its guest has"
    case .refusedAttach: "the host refuses the table of a new PASID"
    case .forgottenAttach: "the guest writes a PASID entry and does not tell of it"
    case .refusedReplace: "the host refuses to replace a PASID's table"
    case .wrongDescriptor: "the guest queues a descriptor with a reserved bit"
    case .forgottenInvalidation: "the guest unmaps a page and does not tell of it"
    case .refusedInvalidation: "the host refuses an invalidation"
    case .fullPageRequestQueue: "the guest does not empty its page request queue"
    case .noDirtyTracking: "the host's unit cannot track what devices write"
    case .otherLayout: "the second host has the capability at another offset"
    }
  }

  /// All of them, a line each.
  package static var list: String {
    let width = allCases.map(\.rawValue.count).max() ?? 0
    return allCases.map { "\($0.rawValue.padded(to: width))  \($0.summary)" }
      .joined(separator: "\n")
  }
}
