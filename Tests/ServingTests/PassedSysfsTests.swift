import Foundation
import HostSystem
import PCIe
import Serving
import Testing

@Suite("Where the host has a device")
struct PassedSysfsTests {
  private static let address = PCIAddress(bus: 0x6A, device: 1, function: 0)

  /// A tree with one function, of a driver, with or without a device node.
  private func withTree(
    driver: String?, node: String?, config: [UInt8]? = nil, _ body: (String) throws -> Void
  ) throws {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: root) }
    let folder = root.appendingPathComponent("sys/bus/pci/devices/\(Self.address)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    if let driver {
      try FileManager.default.createSymbolicLink(
        atPath: folder.path + "/driver", withDestinationPath: "../../../bus/pci/drivers/\(driver)")
    }
    if let node {
      try FileManager.default.createDirectory(
        atPath: folder.path + "/vfio-dev/\(node)", withIntermediateDirectories: true)
    }
    if let config { try Data(config).write(to: folder.appendingPathComponent("config")) }
    try body(root.path)
  }

  @Test("A function with vfio-pci has a node, and its own config space")
  func found() throws {
    let bytes = SampleDevice.sapphireRapidsDSA.bytes
    try withTree(driver: "vfio-pci", node: "vfio12", config: bytes) { root in
      let entry = try HostDeviceEntry(.address(Self.address), under: root)
      #expect(entry.node == "/dev/vfio/devices/vfio12")
      #expect(entry.config == SampleDevice.sapphireRapidsDSA)
    }
    try withTree(driver: "vfio-pci", node: "vfio3", config: Array(bytes[..<64])) { root in
      let entry = try HostDeviceEntry(.address(Self.address), under: root)
      #expect(entry.config == nil)
    }
    #expect(try HostDeviceEntry(.node("/dev/x")).node == "/dev/x")
  }

  @Test("What stands in the way is named")
  func refusals() throws {
    try withTree(driver: "idxd", node: nil) { root in
      #expect(throws: PassedDeviceError.notWithVFIO(Self.address, driver: "idxd")) {
        try HostDeviceEntry(.address(Self.address), under: root)
      }
      let other = PCIAddress(bus: 1, device: 0, function: 0)
      #expect(throws: PassedDeviceError.noFunction(other)) {
        try HostDeviceEntry(.address(other), under: root)
      }
    }
    try withTree(driver: nil, node: nil) { root in
      #expect(throws: PassedDeviceError.notWithVFIO(Self.address, driver: nil)) {
        try HostDeviceEntry(.address(Self.address), under: root)
      }
    }
    for driver in ["vfio-pci", "mlx5_vfio_pci", "nvgrace-gpu-vfio-pci"] {
      try withTree(driver: driver, node: nil) { root in
        #expect(throws: PassedDeviceError.noDeviceNode(Self.address)) {
          try HostDeviceEntry(.address(Self.address), under: root)
        }
      }
    }
  }
}
