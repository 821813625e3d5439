#if os(Linux)
  import HostSystem
  import SoftHost
  import Testing

  @testable import Serving

  @Suite("The files of a machine's folder")
  struct MachineFileTests {
    @Test("the group that may connect may read the table as well, and nobody else may")
    func tablePermissions() throws {
      let folder = try SocketDirectory(nil)
      defer { folder.remove() }
      let options = ServeOptions(
        devices: [try ServedDeviceChoice(parsing: "dsa")],
        unit: try ServedUnitChoice(parsing: "vtd"), socketDirectory: folder.path)
      let machine = try ServedMachine(
        options, kernel: SoftwareHost(HostDescription(units: [], devices: [])).makeProcess(),
        trace: SampleTrace())
      try machine.start()
      defer { machine.stop() }
      func permissions(of name: String) throws -> UInt16 {
        try Calls.facts(of: folder.path + "/" + name, followingLinks: false).mode & 0o777
      }
      // The umask of whoever runs this is in both.
      let socket = try permissions(of: "iommu.sock")
      #expect(try permissions(of: ServedMachine.tableName) == socket & 0o660)
    }
  }
#endif
