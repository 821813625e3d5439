import HostABI
import Hardware
import IOMMUClient
import SoftHost
import Testing

@Suite("On a software host, owners leave nothing behind either")
struct SoftwareHostTests {
  /// What is assembled, on which device of the sample server.
  static let recipes: [Assembly.Recipe] = [
    .vtd(device: "/dev/vfio/devices/vfio0"), .smmuv3(device: "/dev/vfio/devices/vfio6"),
  ]

  /// Orders for each recipe.
  static let orders = (0..<40).flatMap { seed in recipes.map { (UInt64(seed), $0) } }

  @Test("whatever order owners end in", arguments: orders)
  func anyOrder(seed: UInt64, recipe: Assembly.Recipe) throws {
    let host = SoftwareHost.server(isStrict: true)
    let process = host.makeProcess(Credentials())
    do {
      var numbers = Numbers(state: seed)
      var assembly = try Assembly(on: process, recipe)
      #expect(host.openContextCount == 1 && host.chargedPageCount > 0)
      for part in Assembly.Part.allCases.shuffled(using: &numbers) { assembly.drop(part) }
      #expect(assembly.context.abandonedObjects.isEmpty)
      #expect(host.chargedPageCount == 0)
      // The numbers of all objects are free again.
      #expect(try IOAddressSpace(in: assembly.context).id == 1)
    }
    #expect(host.openContextCount == 0)
  }

  /// How many calls that can fail an assembly makes, up to its end.
  static func callCount(_ recipe: Assembly.Recipe) -> Int {
    let kernel = FailingKernel(SoftwareHost.server().makeProcess(), failing: 0)
    _ = try? Assembly(on: kernel, recipe)
    return kernel.callCount
  }

  /// Every call of every recipe.
  static let calls = recipes.flatMap { recipe in (1...callCount(recipe)).map { ($0, recipe) } }

  @Test("whichever call fails", arguments: calls)
  func failure(ofCall number: Int, recipe: Assembly.Recipe) {
    let host = SoftwareHost.server()
    let process = host.makeProcess(Credentials())
    for errno in [LinuxErrno.ENOMEM, .EBUSY, .EINVAL] {
      _ = try? Assembly(on: FailingKernel(process, failing: number, with: errno), recipe)
      #expect(host.openContextCount == 0, "\(errno) of call \(number)")
      #expect(host.chargedPageCount == 0, "\(errno) of call \(number)")
    }
  }

  @Test("errors of a host carry what its rules are about")
  func words() throws {
    let process = SoftwareHost.server().makeProcess(Credentials())
    let context = try IOMMUContext(on: process)
    let device = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: process).bind(to: context)
    let space = try IOAddressSpace(in: context)
    let plain = try space.makePageTable(for: device)
    let flagged = try space.makePageTable(for: device, options: .pasid)
    let pasid = try Assembly.pasid(5)
    func meaning(_ body: () throws -> Void) -> String? {
      #expect(throws: IOMMUError.self) { try body() }?.meaning
    }
    #expect(
      meaning { try device.attach(pasid, to: plain) } == "the table was not allocated for PASID use"
    )
    try device.attach(to: plain)
    #expect(meaning { try device.attach(pasid, to: flagged) }?.contains("without a PASID") == true)
    try device.replace(with: flagged)
    try device.attach(pasid, to: flagged)
    #expect(
      meaning { try device.replace(with: plain) }?.contains("PASIDs are attached") == true)
    // The sample's width is what its hardware information says.
    let width = try device.hardwareInformation().pasidWidth
    #expect(width > 0)
    if let wide = PASID(rawValue: 1 << UInt32(width)) {
      #expect(meaning { try device.attach(wide, to: flagged) }?.contains("wider") == true)
    }
    #expect(
      meaning {
        _ = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: process).bind(to: context)
      }?.contains("open elsewhere") == true)
    #expect(
      meaning { try space.map(0x1000, byteCount: 0x1000, at: IOVA(0xFEE0_0000)) }?
        .contains("reserved") == true)
    #expect(try !space.usableAddresses().contains(IOVA(0xFEE0_0000)...IOVA(0xFEE0_0FFF)))
  }
}
