import Hardware
package import PCIe

/// A page request that a device sends although its work does not need it.
package struct PageRequestPlan: Hashable, Sendable {
  /// Whose request it is.
  package enum Device: Hashable, Sendable {
    /// The device of the node `vfioN`.
    case node(Int)
    /// The device at an address.
    case address(PCIAddress)
  }

  /// What the device wants to do with the page.
  package struct Access: OptionSet, Hashable, Sendable {
    /// The bits as in a fault queue's record.
    package let rawValue: UInt32

    /// Makes a set of bits.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let read = Self(rawValue: 1)
    package static let write = Self(rawValue: 2)
    package static let execute = Self(rawValue: 4)
    package static let privileged = Self(rawValue: 8)
  }

  /// Whose request it is.
  package var device: Device
  /// The page's address.
  package var address: UInt64
  /// The PASID, if the request has one.
  package var pasid: UInt32?
  /// What the device wants to do; reading when nothing else is said.
  package var access: Access = .read
  /// The request after whose answer it is sent: the first attach unless something else is said.
  package var after: RequestChoice

  /// Reads `DEVICE:ADDRESS[,pasid=N][,read][,write][,exec][,priv][,after=REQUEST[:n]]`.
  init(_ text: String) throws(FaultPlanError) {
    let option = "--page-request"
    var words = text.split(separator: ",", omittingEmptySubsequences: false)
    let place = words.removeFirst()
    guard let colon = place.lastIndex(of: ":"),
      let address = parseNumber(place[place.index(after: colon)...])
    else {
      throw .form(
        text, option: option,
        expected: "DEVICE:ADDRESS[,pasid=N][,write][,after=REQUEST[:n]], such as "
          + "vfio0:0x1000,pasid=5,write")
    }
    self.address = UInt64(address)
    device = try Self.device(place[..<colon])
    after = try RequestChoice("VFIO_DEVICE_ATTACH_IOMMUFD_PT:1", option: option)
    var access: Access = []
    for word in words {
      switch word {
      case "read": access.insert(.read)
      case "write": access.insert(.write)
      case "exec": access.insert(.execute)
      case "priv": access.insert(.privileged)
      default:
        if word.hasPrefix("pasid="), let number = parseNumber(word.dropFirst(6)),
          number < 1 << 20
        {
          pasid = UInt32(number)
        } else if word.hasPrefix("after=") {
          after = try RequestChoice(word.dropFirst(6), option: option)
        } else {
          throw .pageRequestWord(String(word))
        }
      }
    }
    if !access.isEmpty { self.access = access }
  }

  private static func device(_ text: Substring) throws(FaultPlanError) -> Device {
    if text.hasPrefix("vfio"), let number = parseNumber(text.dropFirst(4)) { return .node(number) }
    guard let address = PCIAddress(String(text)) else { throw .device(String(text)) }
    return .address(address)
  }
}
