import HostABI
import Hardware
import IOMMUClient
import Testing

/// Numbers from a seed, the same on every run.
struct Numbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite("Owners leave nothing behind")
struct LifetimeTests {
  @Test("whatever order owners end in, children are destroyed before parents", arguments: 0..<200)
  func anyOrder(seed: UInt64) throws {
    let kernel = ScriptedKernel()
    do {
      var numbers = Numbers(state: seed)
      var assembly = try Assembly(on: kernel)
      for part in Assembly.Part.allCases.shuffled(using: &numbers) { assembly.drop(part) }
      #expect(assembly.context.abandonedObjects.isEmpty)
      #expect(kernel.destroyed.count == 7)
    }
    #expect(kernel.leftovers.isEmpty)
  }

  @Test("all ending at once is an order too")
  func atOnce() throws {
    let kernel = ScriptedKernel()
    _ = try Assembly(on: kernel)
    #expect(kernel.leftovers.isEmpty)
    #expect(kernel.destroyed.count == 7)
  }

  /// How many calls that can fail the whole assembly makes, up to its end.
  static let callCount: Int = {
    let kernel = FailingKernel(ScriptedKernel(), failing: 0)
    _ = try? Assembly(on: kernel)
    return kernel.callCount
  }()

  @Test("the assembly makes requests to fail")
  func counted() { #expect(Self.callCount > 20) }

  @Test("whichever call fails, nothing is left behind", arguments: 1...Self.callCount)
  func failure(ofCall number: Int) {
    for errno in [LinuxErrno.ENOMEM, .EBUSY, .EINVAL, .EIO] {
      let kernel = ScriptedKernel()
      _ = try? Assembly(on: FailingKernel(kernel, failing: number, with: errno))
      #expect(kernel.leftovers.isEmpty, "\(errno) of call \(number)")
    }
  }

  @Test("a table that is let go of stays while it is attached, and goes with the detach")
  func attached() throws {
    let kernel = ScriptedKernel()
    let context = try IOMMUContext(on: kernel)
    let device = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: kernel).bind(to: context)
    do {
      let space = try IOAddressSpace(in: context)
      let table = try space.makePageTable(for: device, options: .pasid)
      try device.attach(to: table)
      try device.attach(Assembly.pasid(3), to: table)
    }
    #expect(kernel.destroyed.isEmpty)
    try device.detach()
    #expect(kernel.destroyed.isEmpty)
    try device.detach(Assembly.pasid(3))
    #expect(kernel.destroyed.count == 2)
    #expect(device.attachedPASIDs.isEmpty && device.attachedTable == nil)
  }

  @Test("destroying what has users is refused, and done when the last one goes")
  func busy() throws {
    let kernel = ScriptedKernel()
    let context = try IOMMUContext(on: kernel)
    let device = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: kernel).bind(to: context)
    let space = try IOAddressSpace(in: context)
    let id = space.id
    do {
      let table = try space.makePageTable(for: device)
      do throws(IOMMUError) {
        try space.destroy()
        Issue.record("the table is a user")
      } catch {
        Self.expect(error, .EBUSY, about: id)
      }
      _ = table.id
    }
    // Refused once, done once after the table.
    #expect(kernel.destroyed.count == 3 && kernel.destroyed.last == id)
    #expect(context.abandonedObjects.isEmpty)
  }

  /// A function of its own: the optimiser of Swift 6.3.1 cannot look into an error where it is caught.
  @inline(never)
  private static func expect(_ error: IOMMUError, _ errno: LinuxErrno, about id: UInt32? = nil) {
    #expect(error.errno == errno)
    if let id { #expect(error.objects == [.addressSpace(id)]) }
  }

  @Test("an object that cannot be destroyed is named, once the second try failed too")
  func abandoned() throws {
    let kernel = ScriptedKernel()
    let context = try IOMMUContext(on: kernel)
    kernel.fail(IOMMUFDRequest.destroy.number, .EBUSY, .EBUSY)
    _ = try IOAddressSpace(in: context)
    #expect(context.abandonedObjects == [.addressSpace(1)])
  }

  @Test("an object that is gone is not destroyed again, for its number may be reused")
  func gone() throws {
    let kernel = ScriptedKernel()
    let context = try IOMMUContext(on: kernel)
    kernel.fail(IOMMUFDRequest.destroy.number, .ENOENT)
    let space = try IOAddressSpace(in: context)
    do throws(IOMMUError) {
      try space.destroy()
      Issue.record("it is gone")
    } catch {
      Self.expect(error, .ENOENT)
    }
    #expect(kernel.destroyed == [1] && context.abandonedObjects.isEmpty)
  }

  @Test("a failed bind closes the device and leaves the context")
  func failedBind() throws {
    let kernel = ScriptedKernel()
    let context = try IOMMUContext(on: kernel)
    kernel.fail(VFIODeviceRequest.bindIOMMUFD.number, .EBUSY)
    let error = #expect(throws: IOMMUError.self) {
      _ = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: kernel).bind(to: context)
    }
    #expect(error?.errno == .EBUSY)
    #expect(kernel.leftovers == ["descriptor \(context.descriptor) of /dev/iommu"])
  }

  @Test("a failed replace keeps the old table, in the record as in the kernel")
  func failedReplace() throws {
    let kernel = ScriptedKernel()
    let context = try IOMMUContext(on: kernel)
    let device = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: kernel).bind(to: context)
    let space = try IOAddressSpace(in: context)
    let first = try Table(space, device)
    let second = try Table(space, device)
    try device.attach(to: first.table)
    kernel.fail(VFIODeviceRequest.attach.number, .EINVAL)
    #expect(throws: IOMMUError.self) { try device.replace(with: second.table) }
    #expect(device.attachedTable == .pageTable(first.table.id))
  }

  /// Tuples cannot hold what cannot be copied.
  final class Table {
    let table: HardwarePageTable

    init(_ space: borrowing IOAddressSpace, _ device: borrowing BoundDevice) throws {
      table = try space.makePageTable(for: device)
    }
  }
}
