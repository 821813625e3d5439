public import IOMMU
import HostABI
import Hardware
package import PCIe
import Synchronization

/// A host in memory: IOMMUs, VFIO devices, and the iommufd that programs reach them through.
///
/// It answers ``SoftProcess``'s system calls as Linux 7.2 does, and translates the DMA of its
/// devices' endpoints through what was attached. One lock protects all control; DMA takes only its
/// endpoint's lock.
public final class SoftwareHost: Sendable {
  /// Everything but what DMA needs.
  let state: Mutex<HostState>
  /// Where the devices' requests enter, by the devices' numbers.
  public let endpoints: [Endpoint]
  /// The units, by their numbers.
  public let units: [TranslationUnit]

  /// Builds a host.
  ///
  /// - Parameters:
  ///   - description: What it consists of.
  ///   - foreign: Who answers for pages of programs that are not mapped here.
  /// - Throws: ``HostDescriptionError`` for a device behind a unit, or below a parent, that is not
  ///   there.
  package init(
    _ description: HostDescription, foreign: (any ForeignMemory)? = nil
  ) throws(HostDescriptionError) {
    var units: [TranslationUnit] = []
    var drivers: [UnitDescription] = []
    for unit in description.units {
      units.append(TranslationUnit(isStrict: description.isStrict, foreign: foreign))
      drivers.append(unit)
    }
    for (index, device) in description.devices.enumerated() {
      if let unit = device.unit, !units.indices.contains(unit) {
        throw .noSuchUnit(unit, device: device.address)
      }
      if let parent = device.parent, !(0..<index).contains(parent) {
        throw .noSuchParent(parent, device: device.address)
      }
    }
    let endpoints = description.devices.enumerated().map { index, device in
      Endpoint(
        requester: RequesterID(device.address),
        // An emulated device makes no requests of its own, so any unit will do.
        unit: device.unit.map { units[$0] } ?? units.first ?? TranslationUnit(),
        deviceIndex: index,
        ridIsPASIDZero: device.unit.map { description.units[$0].ridIsPASIDZero } ?? false)
    }
    self.units = units
    self.endpoints = endpoints
    state = Mutex(HostState(description, units, endpoints))
    for endpoint in endpoints {
      endpoint.reporter.withLock { reporter in
        reporter = { [weak self] endpoint, pasid, fault, access in
          self?.report(fault, of: endpoint, pasid, access)
        }
      }
    }
  }

  /// How many contexts are open.
  public var openContextCount: Int { state.withLock { $0.contexts.count } }

  /// How many pages are charged to users.
  public var chargedPageCount: Int { state.withLock { $0.chargedPages } }

  /// Starts a program on this host.
  ///
  /// - Parameter credentials: What it may do.
  /// - Returns: The program, whose system calls the host answers.
  public func makeProcess(_ credentials: Credentials = .root) -> SoftProcess {
    SoftProcess(self, credentials)
  }

  /// Sends a page request of a device, as its PRI would.
  ///
  /// - Parameters:
  ///   - request: What is asked for.
  ///   - endpoint: Whose it is.
  /// - Returns: Whether the host takes page requests of the device; the answer comes to
  ///   ``Endpoint/takeResponses()``.
  @discardableResult
  public func send(_ request: EndpointPageRequest, from endpoint: Endpoint) -> Bool {
    state.withLock { $0.take(request, from: endpoint) }
  }

  /// A request met a fault: an SMMUv3's guest is told when the stream says so.
  private func report(
    _ fault: TranslationFault, of endpoint: Endpoint, _ pasid: PASID?, _ access: DMAAccess
  ) {
    guard fault.handling.contains(.isRecorded), fault.stage != .second else { return }
    state.withLock { $0.report(fault, of: endpoint, pasid, access) }
  }
}

/// Why a host cannot be built.
package enum HostDescriptionError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A device stands behind a unit that is not there.
  case noSuchUnit(Int, device: PCIAddress)
  /// A VF's physical function does not come before it.
  case noSuchParent(Int, device: PCIAddress)

  /// The reason in words.
  package var description: String {
    switch self {
    case .noSuchUnit(let unit, let device):
      "device \(device) stands behind IOMMU \(unit), which the host does not have"
    case .noSuchParent(let parent, let device):
      "device \(device) is a VF of device number \(parent), which must come before it"
    }
  }
}

extension RequesterID {
  /// The requester ID of a function.
  init(_ address: PCIAddress) {
    self.init(
      segment: UInt16(truncatingIfNeeded: address.domain), bus: address.bus,
      devfn: address.device << 3 | address.function)
  }
}
