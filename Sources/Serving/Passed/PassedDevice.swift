public import HostABI
public import Hardware
import IOMMUClient
import PCIe
public import Passthrough
import Synchronization
public import VFIOUser
public import VirtualIOMMU

/// A VFIO device of the host behind a vfio-user socket.
///
/// The device is bound to an iommufd context of its own, whose address space has what the client
/// mapped over this device's socket, and nothing else. Behind the served VT-d unit, what the guest
/// programs there becomes nested tables on that address space; config space shows the PASID capability
/// that the host's layout allows. Registers, interrupts and resets are passed on.
///
/// **Locks.** Config accesses, page requests and resets take turns under one lock, and may call the
/// unit from there. The unit calls the device's ``IOMMUFDBackend`` under its own lock, and never this
/// object: so it is always the device first, then the unit, then the backend. Memory has a lock of its
/// own; regions and interrupts need none.
public final class PassedDevice: UserDevice {
  /// What becomes of a device.
  struct Realised: ~Copyable {
    var device: RealisedDevice?
    var topology: PCITopology
    let place: PCITopology.FunctionID
  }

  /// What the operator calls the device.
  public let name: String
  /// What the device has, as clients are told.
  public let information: UserDeviceInformation
  /// How it is attached on the host, and why so.
  public let attachment: DeviceAttachment
  /// What the guest is shown of PASIDs, ATS and page requests, and why.
  public let synthesis: SynthesisDecision
  /// The memory that the device reaches.
  let machine: PassthroughMachine
  let kernel: any HostKernel
  let trace: (any ServeTrace)?
  /// Hears that messages of others may be able to go over this function's client.
  let becameBusMaster: @Sendable () -> Void
  /// What VFIO says of the regions, by number; `nil` for those that it refuses.
  let regions: [DeviceRegion?]
  let realised: Mutex<Realised>
  /// The device for what needs no turns; `nil` once it is given back.
  let function: Mutex<KeptDevice?>
  let memory = Mutex(PassedMemory())
  let interrupts = Mutex(PassedInterrupts())
  /// Whether the guest lets the function be a bus master, so that its client takes messages.
  let isBusMaster = Atomic(false)
  /// What goes through this process; DMA and interrupts of the device do not.
  let counts = ServedCounts()
  private let requests = Mutex<PageRequestThread?>(nil)
  private let client = Mutex<(any UserPeer)?>(nil)

  /// Opens a device, and gives it to the guest's unit.
  ///
  /// - Parameters:
  ///   - name: What the operator calls it.
  ///   - host: Where the host has it; vfio-pci must have been given it before.
  ///   - place: Where the guest finds it. A bus other than 0 stands for a root port with Access
  ///     Control Services in between, that passes TLP prefixes on.
  ///   - iommu: The guest's unit; without one the device reaches guest memory as it is, and shows no
  ///     PASIDs.
  ///   - kernel: The kernel that has the device; its descriptors must be those of this process.
  ///   - synthesis: What is asked of the capabilities that the guest is shown.
  ///   - offersMapping: Whether clients may map the device's memory. They get the device's file for it,
  ///     with which they can also do what VFIO lets users of the device do; that reaches no memory but
  ///     their own.
  ///   - trace: Hears of events.
  ///   - becameBusMaster: Hears that messages of others may be able to go over this function's client.
  /// - Throws: ``PassedDeviceError``; then nothing of the device is open.
  public init(
    _ name: String, from host: HostDevice, at place: RequesterID,
    behind iommu: (any GuestIOMMU & Sendable)?, on kernel: any HostKernel,
    synthesis: SynthesisRequest = SynthesisRequest(), offersMapping: Bool = true,
    trace: (any ServeTrace)? = nil, becameBusMaster: @escaping @Sendable () -> Void = {}
  ) throws(PassedDeviceError) {
    let entry = try HostDeviceEntry(host)
    var synthesis = synthesis
    if synthesis.ownConfig == nil { synthesis.ownConfig = entry.config }
    let machine: PassthroughMachine
    do { machine = try PassthroughMachine(on: kernel) } catch { throw .context("\(error)") }
    let (topology, function) = try Self.topology(name, place, iommu)
    let device: RealisedDevice
    do {
      device = try machine.realise(
        DeviceRequest(
          name, from: .node(entry.node), at: function, tracksDirtyPages: false,
          synthesis: synthesis), in: topology)
    } catch { throw .realise(error) }
    guard let kept = device.kept else { throw .information("\(name): VFIO does not have it") }
    do {
      let (told, regions) = try Self.information(name, kept, kernel, offersMapping)
      information = told
      self.regions = regions
    } catch { throw .information("\(error)") }
    self.name = name
    self.machine = machine
    self.kernel = kernel
    self.trace = trace
    self.becameBusMaster = becameBusMaster
    attachment = device.attachment
    self.synthesis = device.synthesis
    self.function = Mutex(kept)
    realised = Mutex(Realised(device: device, topology: topology, place: function))
    startRequests()
  }

  deinit { end() }

  /// The guest's hierarchy as far as it concerns the device.
  private static func topology(
    _ name: String, _ place: RequesterID, _ iommu: (any GuestIOMMU & Sendable)?
  ) throws(PassedDeviceError) -> (PCITopology, PCITopology.FunctionID) {
    var topology = PCITopology()
    do {
      let root = try topology.addRootBus(segment: place.segment, iommu: iommu)
      var bus = root
      if place.bus != 0 {
        let port = PCIFunction(
          .rootPort, passesPrefixes: true, accessControl: AccessControl(offered: .offered))
        let bridge = try topology.add(port, named: "root port of \(name)", on: root, device: 31)
        guard let behind = topology.bus(behind: bridge) else {
          throw PassedDeviceError.noSuchPlace(name)
        }
        topology.setNumber(place.bus, of: behind)
        bus = behind
      }
      let function = try topology.add(
        PCIFunction(.endpoint), named: name, on: bus, device: place.devfn >> 3,
        function: place.devfn & 7)
      return (topology, function)
    } catch {
      throw .noSuchPlace(name)
    }
  }

  /// The way to the client, while there is one; messages of the unit go there.
  public var peer: (any UserPeer)? {
    get { client.withLock { $0 } }
    set { client.withLock { $0 = newValue } }
  }

  /// Does something that may close the queue of page requests, which nobody waits on meanwhile.
  func withQueueLeft<Result>(_ body: () -> Result) -> Result {
    guard let thread = requests.withLock({ $0 }) else { return body() }
    return thread.withoutWaiting(body)
  }

  /// Page requests that were turned on or off are waited for anew.
  func lookForRequests() { requests.withLock { $0 }?.look() }

  private func startRequests() {
    let thread = PageRequestThread(
      descriptor: { [weak self] in
        self?.realised.withLock { $0.device?.pageRequestDescriptor }
      },
      deliver: { [weak self] in self?.deliverPageRequests() ?? false })
    requests.withLock { $0 = thread }
  }

  /// Gives the device back: it is detached, closed, and answers nothing any more.
  public func end() {
    requests.withLock { thread in
      defer { thread = nil }
      return thread
    }?.stop()
    function.withLock { $0 = nil }
    let device = realised.withLock { state -> RealisedDevice? in
      let device = state.device.take()
      return device
    }
    _ = consume device
    releaseMemory()
  }

  /// Tells of something.
  func note(_ event: ServeEvent) { trace?.note(event, of: name) }
}
