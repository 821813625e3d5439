import HostABI
import PCIe
import Synchronization
import Testing

@testable import SoftHost

/// An eventfd that counts.
final class Counter: EventSink {
  private let value = Atomic<Int>(0)
  var count: Int { value.load(ordering: .relaxed) }
  var isSignalled: Bool { count > 0 }
  func signal() { value.add(1, ordering: .relaxed) }
}

/// The descriptors of a program: from 100 on they are eventfds, 50 is some other file.
final class Descriptors {
  private var counters: [Int32: Counter] = [:]

  /// The counter of a descriptor.
  subscript(_ descriptor: Int32) -> Counter {
    if let known = counters[descriptor] { return known }
    let new = Counter()
    counters[descriptor] = new
    return new
  }

  func resolve(_ descriptor: Int32) throws(LinuxErrno) -> any EventSink {
    if descriptor == 50 { throw .EINVAL }
    guard descriptor >= 100 else { throw .EBADF }
    return self[descriptor]
  }
}

/// Functions to test with, and short forms of requests.
enum Functions {
  static func accelerator() throws -> FunctionDescription { try .dataStreamingAccelerator() }
  static func network() throws -> FunctionDescription { try .networkFunction() }

  static func opened(_ description: FunctionDescription) throws -> VFIOFunction {
    var function = VFIOFunction(description)
    try function.open()
    return function
  }
}

/// The place of a region's byte in the device's file.
func at(_ region: UInt32, _ position: UInt64 = 0) -> UInt64 { UInt64(region) << 40 | position }

/// What a throwing request answers: 0 or its errno, as a test compares it.
func errno(_ body: () throws -> Void) -> LinuxErrno? {
  do {
    try body()
    return nil
  } catch {
    return error as? LinuxErrno
  }
}

extension VFIOFunction {
  /// A little-endian value of config space, read through the view.
  mutating func config(_ offset: UInt64, _ count: Int = 4) throws -> UInt32 {
    try read(at: at(7, offset), count: count).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// Writes a little-endian value to config space.
  @discardableResult
  mutating func setConfig(_ offset: UInt64, _ value: UInt32, _ count: Int = 4) throws -> Int {
    try write(little(UInt64(value), count), at: at(7, offset))
  }

  /// Turns on memory decode and bus mastering.
  mutating func enable() throws { try setConfig(4, 0x0006, 2) }

  mutating func setIRQs(
    _ index: UInt32, flags: UInt32, start: UInt32 = 0, count: UInt32, data: [UInt8] = [],
    size: UInt32? = nil, _ descriptors: Descriptors = Descriptors()
  ) throws -> Int32 {
    var header = SetIRQsHeader()
    header.argumentSize = size ?? UInt32(20 + data.count)
    header.flags = flags
    header.index = index
    header.start = start
    header.count = count
    return try setIRQs(header, data: data, resolve: descriptors.resolve)
  }

  mutating func regionInfo(
    _ index: UInt32, size: UInt32 = 256
  ) throws -> InformationReply<RegionInfoArgument> {
    var argument = RegionInfoArgument()
    argument.argumentSize = size
    argument.index = index
    return try regionInformation(argument)
  }
}

/// The bytes of a little-endian value.
func little(_ value: UInt64, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
}

/// Descriptors as data of a request.
func descriptors(_ values: Int32...) -> [UInt8] {
  values.flatMap { little(UInt64(UInt32(bitPattern: $0)), 4) }
}
