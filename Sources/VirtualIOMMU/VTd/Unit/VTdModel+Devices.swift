import Hardware

extension VTdModel {
  /// - Returns: `false` when a device is at the requester ID already.
  mutating func add(_ device: VTdShadow.Device) -> Bool {
    guard let index = shadow.add(device) else { return false }
    shadow.beginStretch()
    if state.isTranslating, device.backend != nil {
      // A device comes with its RID passing through, which ends now unless the tables say so too.
      shadow.attach(index, nil, .passThrough, key: .init(domain: 0))
    }
    shadow.devices[index]?.needsContext = true
    shadow.needsContexts = true
    finishInvalidations()
    return true
  }
}

extension VTdConfiguration {
  /// Whether a host can do for a device what the unit promises its guest.
  func check(_ device: HostIOMMUDevice) throws(HostDeviceRefusal) {
    // Without first stages every table but pass-through is the guest's own second stage, which no
    // host is asked for.
    guard nestsOnHost else { return }
    guard case .vtd(_, let low, let high) = device.unit else {
      let host =
        switch device.unit {
        case .vtd: "VT-d"
        case .smmuv3: "SMMUv3"
        case .other(let type): "type \(type)"
        }
      throw .otherKind(host: host, guest: "VT-d")
    }
    func need(_ isThere: Bool, _ feature: String) throws(HostDeviceRefusal) {
      guard isThere else { throw .missing(feature: feature, device: device.name) }
    }
    let capability = VTdCapability(rawValue: low)
    let extended = VTdExtendedCapability(rawValue: high)
    // Without it a guest does not tell of new PASIDs, and none would be attached.
    guard features.contains(.cachingMode) else {
      throw .guestLacks(feature: "caching mode", device: device.name)
    }
    try need(extended[.scalableMode], "scalable mode")
    try need(extended[.nesting], "nested translation")
    try need(!features.contains(.fiveLevels) || capability.hasFiveLevels, "five-level tables")
    try need(
      !features.contains(.gigabytePages) || capability.hasGigabytePages, "first-stage 1 GiB pages")
    try need(
      !features.contains(.supervisorRequests) || extended[.supervisorRequests],
      "supervisor requests")
    try need(
      !features.contains(.executeRequests) || extended[.executeRequests], "execute requests")
    try need(
      !features.contains(.extendedAccessedFlag) || extended[.extendedAccessedFlag],
      "the extended accessed flag")
    guard device.guestAddressWidth >= addressWidth else {
      throw .addressWidth(
        host: device.guestAddressWidth, guest: addressWidth, device: device.name)
    }
  }
}
