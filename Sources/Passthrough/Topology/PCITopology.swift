import Hardware
public import PCIe
public import VirtualIOMMU

/// The PCI hierarchy that a guest sees: root buses, what is on them, and the buses behind bridges.
///
/// It is a value that the VMM keeps beside its devices. Bus numbers are the guest's to give: the VMM
/// passes each change on with ``setNumber(_:of:)``. Every question walks up from one function, at
/// most as far as there are buses.
public struct PCITopology {
  /// A bus of the hierarchy.
  public struct BusID: Hashable, Sendable {
    let index: Int
  }

  /// A function of the hierarchy.
  public struct FunctionID: Hashable, Sendable {
    let index: Int
  }

  struct Bus {
    /// The bridge that it is behind; `nil` for a root bus.
    let bridge: FunctionID?
    let segment: UInt16
    var number: UInt8
    /// The IOMMU of a root bus.
    let iommu: (any GuestIOMMU)?
  }

  struct Function {
    let name: String
    let bus: BusID
    let device: UInt8
    let function: UInt8
    var facts: PCIFunction
    /// The bus behind a bridge.
    let secondary: BusID?
  }

  private(set) var buses: [Bus] = []
  /// Functions that were removed leave a place that is not used again.
  private var functions: [Function?] = []

  /// Makes a hierarchy without buses.
  public init() {}

  /// Adds a root bus.
  ///
  /// - Parameters:
  ///   - number: Its number, 0 for the first of a segment.
  ///   - segment: Its segment.
  ///   - iommu: The IOMMU of everything below it; without one, requests are not translated.
  /// - Returns: The bus.
  /// - Throws: ``TopologyError/busTaken(segment:number:)``.
  public mutating func addRootBus(
    _ number: UInt8 = 0, segment: UInt16 = 0, iommu: (any GuestIOMMU)? = nil
  ) throws(TopologyError) -> BusID {
    guard
      !buses.contains(where: { $0.bridge == nil && $0.segment == segment && $0.number == number })
    else { throw .busTaken(segment: segment, number: number) }
    buses.append(Bus(bridge: nil, segment: segment, number: number, iommu: iommu))
    return BusID(index: buses.count - 1)
  }

  /// Adds a function; one that is a bridge comes with the bus behind it.
  ///
  /// - Parameters:
  ///   - facts: What it is.
  ///   - name: How reports call it.
  ///   - bus: Where it is.
  ///   - device: Its device number, 0 to 31.
  ///   - function: Its function number, 0 to 7.
  /// - Returns: The function.
  /// - Throws: ``TopologyError`` when the place is taken or does not exist.
  public mutating func add(
    _ facts: PCIFunction, named name: String, on bus: BusID, device: UInt8, function: UInt8 = 0
  ) throws(TopologyError) -> FunctionID {
    guard device < 32, function < 8 else { throw .noSuchPlace(device: device, function: function) }
    let twin = functions.lazy.compactMap(\.self).first {
      $0.bus == bus && $0.device == device && $0.function == function
    }
    if let twin { throw .placeTaken(by: twin.name) }
    let id = FunctionID(index: functions.count)
    var secondary: BusID?
    if facts.kind.hasSecondaryBus {
      buses.append(
        Bus(bridge: id, segment: buses[bus.index].segment, number: 0, iommu: nil))
      secondary = BusID(index: buses.count - 1)
    }
    functions.append(
      Function(
        name: name, bus: bus, device: device, function: function, facts: facts,
        secondary: secondary))
    return id
  }

  /// Takes a function away, as at its hot-unplug.
  ///
  /// - Parameter function: The function; one that is gone already is no error.
  /// - Throws: ``TopologyError/inUse(_:by:)`` when there is something on the bus behind it.
  public mutating func remove(_ function: FunctionID) throws(TopologyError) {
    guard let gone = functions[function.index] else { return }
    let child = functions.lazy.compactMap(\.self).first { $0.bus == gone.secondary }
    if let child { throw .inUse(gone.name, by: child.name) }
    functions[function.index] = nil
  }

  /// The bus behind a bridge or port; `nil` for anything else.
  public func bus(behind function: FunctionID) -> BusID? { self[function]?.secondary }

  /// Takes note of the number that the guest gave to a bus.
  ///
  /// - Parameters:
  ///   - number: The Secondary Bus Number.
  ///   - bus: The bus.
  public mutating func setNumber(_ number: UInt8, of bus: BusID) {
    buses[bus.index].number = number
  }

  /// Takes note that a function is another than before, such as a port whose ACS was turned on.
  ///
  /// - Parameters:
  ///   - facts: What it is; a bridge stays the kind of bridge that it is.
  ///   - function: The function.
  public mutating func update(_ facts: PCIFunction, of function: FunctionID) {
    guard let old = self[function] else { return }
    var facts = facts
    if old.secondary != nil || facts.kind.hasSecondaryBus { facts.kind = old.facts.kind }
    functions[function.index]?.facts = facts
  }

  /// Where a function is, by the bus numbers of the moment; `nil` once it is removed.
  public func address(of function: FunctionID) -> PCIAddress? {
    self[function].map { address(of: $0) }
  }

  /// What a function is; `nil` once it is removed.
  public func facts(of function: FunctionID) -> PCIFunction? { self[function]?.facts }

  subscript(function: FunctionID) -> Function? {
    functions.indices.contains(function.index) ? functions[function.index] : nil
  }

  func address(of function: Function) -> PCIAddress {
    let bus = buses[function.bus.index]
    return PCIAddress(
      domain: UInt32(bus.segment), bus: bus.number, device: function.device,
      function: function.function)
  }

  /// Whether another function has the same device number.
  func hasSiblings(_ function: Function) -> Bool {
    functions.lazy.compactMap(\.self).contains {
      $0.bus == function.bus && $0.device == function.device && $0.function != function.function
    }
  }

  /// How reports call a function.
  func label(of function: Function) -> String { "\(function.name) (\(address(of: function)))" }

  /// The bridge that a function is below; `nil` on a root bus.
  func bridge(above function: Function) -> Function? {
    buses[function.bus.index].bridge.flatMap { self[$0] }
  }
}

/// Why a hierarchy cannot be as it was asked for.
public enum TopologyError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is such a root bus already.
  case busTaken(segment: UInt16, number: UInt8)
  /// No bus has such a place.
  case noSuchPlace(device: UInt8, function: UInt8)
  /// Another function is there.
  case placeTaken(by: String)
  /// Something is on the bus behind it.
  case inUse(String, by: String)

  /// The error in words, with what can be done.
  public var description: String {
    switch self {
    case .busTaken(let segment, let number):
      "segment \(segment.hex) has a root bus \(number.hex) already: give the new one another number"
    case .noSuchPlace(let device, let function):
      "device \(device.hex) function \(function) is no place on a bus: devices go to 0x1f, "
        + "functions to 7"
    case .placeTaken(let name): "\(name) is there already: choose another device number"
    case .inUse(let name, let child): "\(child) is behind \(name): remove it first"
    }
  }
}
