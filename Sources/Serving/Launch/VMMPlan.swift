/// Where a function stands in a VMM's guest.
public struct VMMPlace: Hashable, Sendable, CustomStringConvertible {
  /// The slot of the root port on bus 0 that it stands behind; `nil` for bus 0 itself.
  public var port: UInt8?
  /// The device number on its bus, 0 to 31.
  public var device: UInt8
  /// The function number, 0 to 7.
  public var function: UInt8

  /// Makes a place.
  ///
  /// - Parameters:
  ///   - port: The slot of the root port on bus 0; `nil` for bus 0 itself.
  ///   - device: The device number on its bus, 0 to 31; 0 behind a root port.
  ///   - function: The function number, 0 to 7.
  public init(port: UInt8? = nil, device: UInt8, function: UInt8 = 0) {
    self.port = port
    self.device = device
    self.function = function
  }

  /// Device and function as QEMU's `addr` and `lspci` write them: two digits of the device, one of
  /// the function.
  public var address: String { Self.hex(device) + "." + String(function & 7) }

  /// The place in words.
  public var description: String {
    guard let port else { return "00:" + address }
    return address + " behind the root port 00:" + Self.hex(port) + ".0"
  }

  static func hex(_ slot: UInt8) -> String {
    (slot < 16 ? "0" : "") + String(slot, radix: 16)
  }
}

/// What a VMM is to be given: functions on vfio-user sockets, and the table that describes the unit.
public struct VMMPlan: Hashable, Sendable {
  /// A function that waits behind a socket.
  public struct Function: Hashable, Sendable {
    /// Its name, for messages.
    public var name: String
    /// Where the guest finds it.
    public var place: VMMPlace
    /// The path of its socket.
    public var socket: String

    /// Makes a function.
    ///
    /// - Parameters:
    ///   - name: Its name, for messages.
    ///   - place: Where the guest finds it.
    ///   - socket: The path of its socket.
    public init(name: String, place: VMMPlace, socket: String) {
      self.name = name
      self.place = place
      self.socket = socket
    }
  }

  /// The endpoints.
  public var devices: [Function]
  /// The VT-d unit; `nil` when there is none.
  public var unit: Function?
  /// The file with the DMAR table; `nil` when there is none.
  public var table: String?

  /// Makes a plan.
  ///
  /// - Parameters:
  ///   - devices: The endpoints.
  ///   - unit: The VT-d unit; `nil` when there is none.
  ///   - table: The file with the DMAR table; `nil` when there is none.
  public init(devices: [Function], unit: Function? = nil, table: String? = nil) {
    self.devices = devices
    self.unit = unit
    self.table = table
  }

  /// Unit and endpoints, in the order in which the VMM makes them.
  var functions: [Function] { (unit.map { [$0] } ?? []) + devices }

  /// Slots of the root ports that the plan adds, lowest first.
  var ports: [UInt8] { Set(functions.compactMap(\.place.port)).sorted() }
}
