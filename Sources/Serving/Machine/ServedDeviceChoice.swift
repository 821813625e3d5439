package import DeviceModels
package import PCIe
import Hardware

/// A device to be served, as a user asks for it.
///
/// As for `passage host` (``DeviceChoice``), and `vfio=BDF` or `vfio=/dev/vfio/devices/vfioN` for one of
/// the host's own, with `pasid-offset=0x…` for where its PASID capability is to stand. `@BDF` says where
/// the guest is to find it: on bus 0, or behind a root port of its own on any other.
package struct ServedDeviceChoice: Hashable, Sendable {
  /// What it is.
  package enum Kind: Hashable, Sendable {
    /// A data streaming accelerator.
    case accelerator(DSAOptions)
    /// A function from a config space in a file.
    case dump(path: String, sizes: [Int: UInt64], identity: DumpIdentity? = nil)
    /// A network function.
    case network
    /// A device of the host.
    case vfio(PassedDeviceChoice)
  }

  /// What it is.
  package var kind: Kind
  /// Where the guest finds it; `nil` for a place that is chosen.
  package var place: PCIAddress?

  /// Names a device.
  ///
  /// - Parameters:
  ///   - kind: What it is.
  ///   - place: Where the guest finds it.
  package init(_ kind: Kind, at place: PCIAddress? = nil) {
    self.kind = kind
    self.place = place
  }

  /// Reads what a user wrote.
  ///
  /// - Parameter text: The argument of `--device`.
  /// - Throws: ``ServeChoiceError`` with what is wrong.
  package init(parsing text: String) throws(ServeChoiceError) {
    do {
      let parts = try ChoiceText(parsing: text)
      if parts.kind == "vfio" {
        place = parts.address
        let path = try parts.valueAndPlace(&place)
        kind = .vfio(try PassedDeviceChoice(path, parts.settings))
      } else {
        let choice = try DeviceChoice(parsing: text)
        place = choice.address
        switch choice.kind {
        case .accelerator(let options): kind = .accelerator(options)
        case .dump(let path, let sizes, let identity):
          kind = .dump(path: path, sizes: sizes, identity: identity)
        case .network: kind = .network
        }
      }
    } catch DeviceChoiceError.unknownKind(let kind) {
      throw .unknownKind(kind)
    } catch {
      throw .device(error)
    }
    if let place, place.domain != 0 { throw .domain(place) }
  }

  /// What the device is called where nobody named it: `dsa`, `dump`, `nic`, `vfio`.
  package var shortName: String {
    switch kind {
    case .accelerator: "dsa"
    case .dump: "dump"
    case .network: "nic"
    case .vfio: "vfio"
    }
  }

  /// Whether the host's own IOMMU translates for it.
  package var isPassed: Bool { if case .vfio = kind { true } else { false } }
}

/// A device of the host, as a user names it.
package struct PassedDeviceChoice: Hashable, Sendable {
  /// How it is named.
  package enum Name: Hashable, Sendable {
    /// By its address on the host.
    case address(PCIAddress)
    /// By its node, such as `/dev/vfio/devices/vfio0`.
    case node(String)
  }

  /// How it is named.
  package var name: Name
  /// Where its PASID capability is to stand; `nil` where it is safe.
  package var pasidOffset: Int?
  /// Whether the guest is shown a PASID capability.
  package var wantsPASID = true

  /// Names a device.
  ///
  /// - Parameter name: How it is named.
  package init(_ name: Name) { self.name = name }

  /// Reads what stands behind `vfio=`.
  init(_ path: String, _ settings: [ChoiceText.Setting]) throws(DeviceChoiceError) {
    if let address = PCIAddress(path) {
      name = .address(address)
    } else if path.hasPrefix("/") {
      name = .node(path)
    } else {
      throw .address(path)
    }
    for setting in settings {
      guard let number = parseNumber(setting.value) else {
        throw .badValue(setting.value, of: setting.key)
      }
      switch setting.key {
      case "pasid-offset":
        guard (0x100..<0x1000).contains(number), number & 3 == 0 else {
          throw .badValue(setting.value, of: setting.key)
        }
        pasidOffset = number
      case "pasid":
        guard number == 0 || number == 1 else { throw .badValue(setting.value, of: setting.key) }
        wantsPASID = number == 1
      default: throw .unknownKey(setting.key, of: "vfio")
      }
    }
  }
}
