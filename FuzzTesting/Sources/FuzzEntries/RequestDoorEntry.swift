import HostABI
import Hardware
import IOMMU
import SoftHost

/// A program of system calls on a software host, between DMA and page requests of its devices.
///
/// - byte: bits 1:0 what is set up before the program (``RequestDoorProgram/Setup``); bit 2 a
///   user under a limit rather than root; bit 3 units that compare what they cached
/// - calls until the end, at most 200; see ``RequestDoorProgram``
enum RequestDoorEntry {
  static func run(_ bytes: [UInt8]) {
    var feed = ByteFeed(bytes)
    let kind = feed.byte()
    let host = SoftwareHost.server(isStrict: kind & 8 != 0, answersMockRequests: true)
    do {
      let credentials: Credentials = kind & 4 == 0 ? .root : Credentials(lockedMemoryLimit: 1 << 17)
      guard var program = RequestDoorProgram(host, credentials) else { fatalError("no memory") }
      program.setUp(RequestDoorProgram.Setup(rawValue: kind & 3) ?? .nothing)
      var steps = 0
      while !feed.isEmpty, steps < 200 {
        steps += 1
        program.step(&feed)
      }
      program.closeAll()
      require(host.openContextCount == 0, "a context is open, and no descriptor is")
      require(host.chargedPageCount == 0, "pages are charged, and no context is open")
    }
    for endpoint in host.endpoints {
      require(endpoint.attachedPASIDCount == 0, "a PASID is attached, and no device is open")
      var byte: [UInt8] = [0]
      var span = byte.mutableSpan
      require(
        endpoint.read(IOVA(0x1000), into: &span) == .blocked, "a request without a device's owner")
    }
  }
}
