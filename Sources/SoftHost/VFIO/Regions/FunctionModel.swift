import PCIe

/// A device model as a whole: what it hears of its function besides accesses to its regions.
///
/// Called while the function is being changed, so it must not call back.
package protocol FunctionModel: AnyObject, Sendable {
  /// Controls of config space changed.
  ///
  /// - Parameter controls: All of them, as they are now.
  func controlsChanged(_ controls: DMAControls)

  /// The function was reset; controls follow.
  func reset()
}

/// What config space lets a function do by itself.
package struct DMAControls: OptionSet, Hashable, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Bus Master Enable.
  package static let busMaster = Self(rawValue: 1)
  /// PASID Enable.
  package static let pasid = Self(rawValue: 2)
  /// Execute Permission Enable.
  package static let execute = Self(rawValue: 4)
  /// Privileged Mode Enable.
  package static let privileged = Self(rawValue: 8)
  /// ATS Enable.
  package static let ats = Self(rawValue: 16)
  /// PRI's Enable.
  package static let pageRequests = Self(rawValue: 32)
}

extension VFIOFunction {
  /// What config space lets the function do now.
  package var controls: DMAControls {
    var controls: DMAControls = isBusMaster ? .busMaster : []
    // PASID Control's bits 0, 1 and 2 are enable, execute and privileged mode.
    let pasid = pasidControl?.rawValue ?? 0
    controls.formUnion(DMAControls(rawValue: UInt8(pasid & 7) << 1))
    if isATSEnabled == true { controls.insert(.ats) }
    if isPRIEnabled == true { controls.insert(.pageRequests) }
    return controls
  }

  /// Tells the model of controls that are not what it knows.
  mutating func tellModel() {
    guard let model = description.model else { return }
    let controls = controls
    guard controls != toldControls else { return }
    toldControls = controls
    model.controlsChanged(controls)
  }

  /// Tells the model of a reset, and of what it may do after it.
  mutating func resetModel() {
    guard let model = description.model else { return }
    model.reset()
    toldControls = controls
    model.controlsChanged(controls)
  }

  /// A store of 64 bytes at once to a region that a model serves.
  ///
  /// - Parameters:
  ///   - words: The bytes as little-endian words.
  ///   - index: The base address register.
  ///   - position: The place in the region, a multiple of 64.
  ///   - isAnswered: Whether it is ENQCMD's, which the device answers, or MOVDIR64B's.
  /// - Returns: Whether the device took it; `nil` where the processor would get a bus error.
  package mutating func storeWide(
    _ words: SIMD8<UInt64>, bar index: Int, at position: UInt64, isAnswered: Bool
  ) -> Bool? {
    guard let bar = mapped(index, position, 8), position & 63 == 0,
      bar.byteCount - position >= 64
    else { return nil }
    switch bar.backing {
    case .memory:
      for word in 0..<8 { store(words[word], bar, position + 8 * UInt64(word), 8) }
      return !isAnswered
    case .handler(let handler):
      return handler.storeWide(words, at: position, isAnswered: isAnswered)
    }
  }
}
