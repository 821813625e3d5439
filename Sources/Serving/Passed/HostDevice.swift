import HostSystem
public import PCIe

/// Where the host has a device that is to be served.
public enum HostDevice: Hashable, Sendable {
  /// A function with vfio-pci, by its address on the host.
  case address(PCIAddress)
  /// A device node, such as `/dev/vfio/devices/vfio0`.
  case node(String)
}

/// A device of the host as its sysfs shows it.
package struct HostDeviceEntry: Hashable, Sendable {
  /// The device's node.
  package let node: String
  /// Its own config space, when it can be read; it tells more than VFIO does.
  package let config: ConfigSpace?

  /// Looks a device up.
  ///
  /// - Parameters:
  ///   - device: The device.
  ///   - root: Where the host's file tree starts.
  /// - Throws: ``PassedDeviceError``.
  package init(_ device: HostDevice, under root: String = "") throws(PassedDeviceError) {
    switch device {
    case .node(let path):
      node = path
      config = nil
    case .address(let address):
      let folder = "\(root)/sys/bus/pci/devices/\(address)"
      guard (try? PathKind(of: folder)) == .folder else { throw .noFunction(address) }
      let link = try? Calls.target(of: "\(folder)/driver")
      let driver = link?.split(separator: "/").last.map { String($0) }
      let names = (try? Folder.names(in: "\(folder)/vfio-dev")) ?? []
      guard let name = names.first(where: { $0.hasPrefix("vfio") }) else {
        guard driver?.contains("vfio") == true else {
          throw .notWithVFIO(address, driver: driver)
        }
        throw .noDeviceNode(address)
      }
      node = "/dev/vfio/devices/\(name)"
      config = Self.config("\(folder)/config")
    }
  }

  private static func config(_ path: String) -> ConfigSpace? {
    guard var stream = try? ByteStream(path: path) else { return nil }
    var bytes: [UInt8] = []
    while bytes.count < ConfigSpace.extendedSize {
      let more = try? stream.next { chunk in
        for index in 0..<chunk.count { bytes.append(chunk[index]) }
      }
      guard more == true else { break }
    }
    // Without privileges only 64 bytes are there, which say less than VFIO.
    guard bytes.count >= 256 else { return nil }
    return try? ConfigSpace(bytes)
  }
}
