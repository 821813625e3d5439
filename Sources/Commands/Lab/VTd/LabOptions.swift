package import PCIe

/// What a run of the lab with a guest's IOMMU is made of.
package struct LabOptions: Sendable {
  /// How many PASIDs a run may use.
  package static let pasidCounts = 1...1000

  /// How many PASIDs to use.
  package let pasidCount: Int
  /// What is made to fail.
  package let breaking: LabBreak?
  /// The device; the built-in accelerator when there is none.
  package let device: LabDevice?

  /// Describes a run.
  ///
  /// - Parameters:
  ///   - pasidCount: How many PASIDs to use, one of ``pasidCounts``.
  ///   - device: The device; the built-in accelerator when there is none.
  ///   - breaking: What is made to fail.
  /// - Throws: ``LabOptionProblem`` when these do not go together.
  package init(
    pasidCount: Int = 3, device: LabDevice? = nil, breaking: LabBreak? = nil
  ) throws(LabOptionProblem) {
    precondition(Self.pasidCounts.contains(pasidCount), "no such number of PASIDs")
    self.pasidCount = pasidCount
    self.device = device
    self.breaking = breaking
    guard let width = (device?.config ?? SampleDevice.sapphireRapidsDSA).pasidWidth else {
      // Without PASIDs only what fails before they are looked at shows.
      if let breaking, breaking.effect != .refusesDevice { throw .noPASIDs(breaking) }
      return
    }
    // One more is used, to be refused.
    guard pasidCount + 1 < 1 << width else { throw .tooMany(pasidCount, width: width) }
    guard breaking != .narrowVIOMMU || narrowWidth < width else {
      throw .tooMany(pasidCount, width: narrowWidth - 1)
    }
  }

  /// The width that `narrow-viommu` gives the guest's unit: enough for the PASIDs that are used.
  var narrowWidth: Int { max(4, Int.bitWidth - pasidCount.leadingZeroBitCount) }
}

/// A device of somebody's, for the lab.
package struct LabDevice: Sendable {
  /// What it is called.
  package let title: String
  /// Where it is.
  package let address: PCIAddress
  /// Its own config space.
  package let config: ConfigSpace

  /// Takes a device that was read from somewhere.
  ///
  /// - Parameter device: The device.
  package init(_ device: LoadedDevice) {
    title = device.title.isEmpty ? device.source : device.title
    address = device.address ?? PCIAddress(bus: 1, device: 0, function: 0)
    config = device.config
  }
}

/// Why a run cannot be as it is asked for.
package enum LabOptionProblem: Error, Hashable, Sendable, CustomStringConvertible {
  /// The device has no PASIDs, so that nothing of them can fail.
  case noPASIDs(LabBreak)
  /// The device has fewer PASIDs.
  case tooMany(Int, width: Int)
  /// The source holds another number of devices than one.
  case notOne(String, Int)
  /// The device cannot be had by a VMM.
  case notPassable(String)

  /// The reason in words.
  package var description: String {
    switch self {
    case .noPASIDs(let breaking):
      "--break \(breaking.rawValue) needs a device with PASIDs, and this one has no capability"
    case .tooMany(let count, let width):
      "--pasids \(count) is too much for \(width) bits: "
        + (width < 2 ? "give another device" : "give at most \((1 << width) - 2)")
    case .notOne(let source, let count):
      "--device takes one device, and \(source) holds \(count == 0 ? "none" : "\(count)")"
    case .notPassable(let why): "--device: \(why)"
    }
  }
}

extension ConfigSpace {
  /// Bits of the PASIDs that the function's own capability offers; `nil` without one.
  var pasidWidth: Int? {
    walkCapabilities().first(Capability.pasidID, in: .extended).map {
      PASIDCapability(register: read16($0.offset + 4)).width
    }
  }
}
