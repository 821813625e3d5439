import DeviceModels
import HostLab
import PCIe
import SoftHost
import Testing

@Suite("What --device takes")
struct ChoiceTests {
  @Test("kinds, places and settings")
  func good() throws {
    #expect(try DeviceChoice(parsing: "dsa") == DeviceChoice(.accelerator(DSAOptions())))
    var options = DSAOptions()
    options.workQueues = 2
    options.engines = 1
    options.maxTransferShift = 20
    options.pasidBits = 8
    #expect(
      try DeviceChoice(parsing: "dsa@0001:6b:01.0,wqs=2,engines=1,xfer=20,pasid-bits=8")
        == DeviceChoice(.accelerator(options), at: PCIAddress("0001:6b:01.0")))
    #expect(
      try DeviceChoice(parsing: "dump@03:00.0=a/b@c.txt,bar0=64K,bar2=0x1000")
        == DeviceChoice(
          .dump(path: "a/b@c.txt", sizes: [0: 65536, 2: 4096]), at: PCIAddress("03:00.0")))
    let identity = try #require(DumpIdentity("8086:154C"))
    #expect(identity.vendorID == 0x8086 && identity.deviceID == 0x154C)
    #expect(
      try DeviceChoice(parsing: "dump=f,id=8086:154c,bar0=16K")
        == DeviceChoice(.dump(path: "f", sizes: [0: 16384], identity: identity)))
    #expect(try DeviceChoice(parsing: "nic@04:00.1").address == PCIAddress("04:00.1"))
  }

  @Test(
    "everything else has a reason",
    arguments: [
      "", "disk", "dsa@", "dsa@6b", "dsa=1", "dsa,", "dsa,wqs", "dsa,wqs=", "dsa,wqs=9",
      "dsa,wqs=-1", "dsa,size=1", "dsa,block=2", "dump", "dump=", "dump=f,bar6=4K",
      "dump=f,bar0=0", "dump=f,bar0=9999999999G", "dump=f,bar0=4T",
      "dump=f,id=", "dump=f,id=8086", "dump=f,id=ffff:1234",
      "dump=f,id=0000:1234", "dump=f,id=+086:1234",
      "dump=f,id=8086:154c:1", "dump=f,id=80860:154c", "dump=f,id=0x86:154c", "nic,wqs=1", "nic=3",
    ])
  func bad(text: String) {
    #expect(throws: DeviceChoiceError.self) { try DeviceChoice(parsing: text) }
  }

  @Test("devices without a place get one each; two at one place are refused")
  func places() throws {
    let dsa = DeviceChoice(.accelerator(DSAOptions()))
    let nic = DeviceChoice(.network)
    let devices = try DeviceSet([dsa, dsa, nic, nic]).devices
    #expect(Set(devices.map(\.address)).count == 4)
    #expect(Set(devices.map(\.group)).count == 4)
    let fixed = DeviceChoice(.network, at: PCIAddress("03:00.0"))
    #expect(try DeviceSet([nic, fixed]).devices[0].address != PCIAddress("03:00.0"))
    #expect(throws: DeviceChoiceError.self) { try DeviceSet([fixed, fixed]) }
  }

  @Test("a dump is shown as it is, with the sizes that are told")
  func dump() throws {
    let choice = try DeviceChoice(parsing: "dump=x,bar0=128K")
    let config = SampleDevice.sapphireRapidsDSA
    let set = try DeviceSet([choice]) { path throws(DeviceChoiceError) in
      [DumpedDevice(address: SampleDevice.address, config: config, line: 1, title: path)]
    }
    let device = try #require(set.devices.first)
    #expect(device.address == SampleDevice.address)
    #expect(device.function.bars.map(\.byteCount) == [0x2_0000, 0x1000])
    #expect(device.function.bars.allSatisfy { !$0.isServed })
    #expect(throws: DeviceChoiceError.self) {
      try DeviceSet([choice]) { _ throws(DeviceChoiceError) in [] }
    }
    #expect(throws: DeviceChoiceError.self) { try DeviceSet([choice]) }
  }
}
