import ArgumentParser
import HostABI
import Hardware
import IOMMUClient
import PCIe
import Passthrough
import VirtualIOMMU

/// Realises every device for guests of several kinds, and fails each request on the way in turn.
///
/// What a failed try leaves behind shows in the next one: a device that is still bound, a page table
/// that still counts, memory that is still charged.
struct RealiseRun {
  /// What the guest's IOMMU asks of the host.
  enum Guest: String, CaseIterable {
    case without = "no IOMMU"
    case pasids = "PASIDs without nesting"
    case nesting = "PASIDs with nesting"

    var flags: VIOMMUFlags {
      switch self {
      case .without: []
      case .pasids: [.supportsPASID, .wantsPASIDAttach]
      case .nesting: [.wantsNestingParent, .supportsPASID, .wantsPASIDAttach]
      }
    }
  }

  let kernel: any HostKernel
  let paths: [String]

  /// Runs all, and prints a line for each device and guest.
  ///
  /// - Throws: `ExitCode.failure` when anything was left behind.
  func callAsFunction() throws {
    let memory = try kernel.allocate(Self.memorySize, [.read, .write])
    defer { try? kernel.release(memory, Self.memorySize) }
    var (devices, failures, leftovers) = (0, 0, 0)
    for path in paths {
      guard let descriptor = try? kernel.open(path) else { continue }
      try kernel.close(descriptor)
      devices += 1
      for guest in Guest.allCases {
        let counting = FailingKernel(kernel, failing: 0)
        let expected = realise(path, guest, memory, on: counting)
        print("\(path), guest with \(guest.rawValue): \(expected.text)")
        for number in 1...max(counting.callCount, 1) {
          failures += 1
          let errno: LinuxErrno = number.isMultiple(of: 2) ? .ENOMEM : .EINVAL
          _ = realise(path, guest, memory, on: FailingKernel(kernel, failing: number, with: errno))
          let after = realise(path, guest, memory, on: kernel)
          guard after.isRealised == expected.isRealised else {
            leftovers += 1
            print("FAILED   after call \(number) failed with \(errno): \(after.text)")
            continue
          }
        }
      }
    }
    print("\(devices) devices, \(failures) failed calls, \(leftovers) left something behind")
    if leftovers > 0 { throw ExitCode.failure }
  }

  private static let memorySize = 4 << 20

  /// Realises a device, resets it and lets it go.
  private func realise(
    _ path: String, _ guest: Guest, _ memory: UInt64, on kernel: any HostKernel
  ) -> (isRealised: Bool, text: String) {
    do {
      let machine = try PassthroughMachine(on: kernel)
      try machine.map(
        GuestMemoryRegion(
          at: GuestPhysicalAddress(0), byteCount: UInt64(Self.memorySize),
          .memory(address: memory)))
      var topology = PCITopology()
      let unit = guest == .without ? nil : WishfulIOMMU(guest.flags)
      let bus = try topology.addRootBus(iommu: unit)
      let place = try topology.add(PCIFunction(.endpoint), named: "device", on: bus, device: 1)
      var device = try machine.realise(
        DeviceRequest("device", from: .node(path), at: place), in: topology)
      try device.reset()
      let text = "\(device.attachment); \(device.synthesis)"
      device.unrealise()
      return (true, text.split(whereSeparator: \.isNewline).joined(separator: "; "))
    } catch {
      return (false, "not realised: \(error)")
    }
  }
}

/// A guest's IOMMU that wishes for much and translates nothing.
private final class WishfulIOMMU: GuestIOMMU {
  let flags: VIOMMUFlags
  var pasidWidth: UInt8 { 20 }
  var honoursExecute: Bool { true }
  var honoursPrivileged: Bool { true }
  var supportsATS: Bool { true }
  var supportsPageRequests: Bool { true }

  init(_ flags: VIOMMUFlags) { self.flags = flags }

  func add(_ device: HostIOMMUDevice, at requester: RequesterID) throws(HostDeviceRefusal) {}

  func remove(_ requester: RequesterID) {}

  func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool { false }
}
