import ArgumentParser
import DeviceModels
import HostSystem
import LogText
import PCIe
import Serving
import Testing
import VirtualIOMMU

@testable import Commands

@Suite("The command line of passage serve")
struct ServeCommandTests {
  private func options(_ arguments: String...) throws -> ServeOptions {
    let command = try Passage.parseAsRoot(["serve"] + arguments)
    return try #require(command as? ServeCommand).options(socketDirectory: "/run/p")
  }

  private func refusal(_ arguments: [String]) throws -> String {
    let error = #expect(throws: (any Error).self) {
      try Passage.parseAsRoot(["serve"] + arguments)
    }
    return Passage.message(for: try #require(error))
  }

  @Test("a bare command serves one accelerator, without a unit, and starts nothing")
  func usual() throws {
    #expect(
      try options()
        == ServeOptions(
          devices: [ServedDeviceChoice(.accelerator(DSAOptions()))], socketDirectory: "/run/p"))
  }

  @Test("devices keep their order, kinds, places and settings")
  func devices() throws {
    let options = try options(
      "--device", "dsa@01:00.0,wqs=2", "--device", "dump=a@b.txt@00:0a.0,bar0=64K",
      "--device", "vfio=0000:6a:01.0@00:0b.0,pasid-offset=0xff8",
      "--device", "vfio=/dev/vfio/devices/vfio3,pasid=0", "--iommu", "vtd")
    var accelerator = DSAOptions()
    accelerator.workQueues = 2
    let host = try #require(PCIAddress("6a:01.0"))
    var passed = PassedDeviceChoice(.address(host))
    passed.pasidOffset = 0xFF8
    var node = PassedDeviceChoice(.node("/dev/vfio/devices/vfio3"))
    node.wantsPASID = false
    #expect(
      options.devices == [
        ServedDeviceChoice(.accelerator(accelerator), at: PCIAddress("01:00.0")),
        ServedDeviceChoice(
          .dump(path: "a@b.txt", sizes: [0: 65536]), at: PCIAddress("00:0a.0")),
        ServedDeviceChoice(.vfio(passed), at: PCIAddress("00:0b.0")),
        ServedDeviceChoice(.vfio(node)),
      ])
    let places = try ServedPlaces(options)
    #expect(places.devices.map(\.name) == ["dsa0", "dump0", "vfio0", "vfio1"])
    #expect(
      places.devices.map { "\($0.place)" }
        == ["0000:01:00.0", "0000:00:0a.0", "0000:00:0b.0", "0000:00:08.0"])
    #expect(places.devices.map { $0.port.map { "\($0)" } } == ["0000:00:10.0", nil, nil, nil])
    #expect(places.unit?.socketPath == "/run/p/iommu.sock")
    #expect(places.unit.map { "\($0.place)" } == "0000:00:05.0")
  }

  @Test("all that follows -- is the VMM's, options of ours included")
  func command() throws {
    #expect(
      try options("--iommu", "vtd", "--", "qemu", "--log", "x", "--").command
        == ["qemu", "--log", "x", "--"])
  }

  @Test("a unit offers all that it can by itself, and what a host can nest with one of its devices")
  func units() throws {
    let own = try #require(try options("--iommu", "vtd").unitConfiguration())
    #expect(own.features.isSuperset(of: [.nesting, .pageRequests, .firstStage, .secondStage]))
    #expect(!own.features.contains(.cachingMode))
    #expect(own.pasidBits == 20 && own.addressWidth == 48)
    let passed = try #require(
      try options("--iommu", "vtd", "--device", "vfio=6a:01.0").unitConfiguration())
    #expect(passed.features == VTdConfiguration.passthroughFeatures)
    let small = try #require(
      try options("--iommu", "vtd,pasid-bits=8,width=39,nesting=0,caching-mode=1,page-requests=0")
        .unitConfiguration())
    #expect(small.pasidBits == 8 && small.addressWidth == 39)
    #expect(small.features.isDisjoint(with: [.nesting, .pageRequests]))
    #expect(small.features.contains(.cachingMode))
    // What cannot be without a feature goes with it.
    let legacy = try #require(try options("--iommu", "vtd,scalable-mode=0").unitConfiguration())
    #expect(legacy.pasidBits == 0)
    #expect(legacy.features.isDisjoint(with: [.firstStage, .nesting, .pageRequests]))
  }

  @Test(
    "a unit's setting switches one bit of a register, whatever else is asked",
    arguments: ServedUnitChoice.keys.dropFirst(2))
  func switches(key: String) throws {
    for value in ["0", "1"] {
      _ = try #require(try options("--iommu", "vtd,\(key)=\(value)").unitConfiguration())
    }
    #expect(
      try options("--iommu", "vtd,\(key)=0").unitConfiguration()
        != options("--iommu", "vtd,\(key)=1").unitConfiguration())
  }

  @Test(
    "what cannot be is refused with what would be right",
    arguments: [
      (["--device", "disk"], "dsa, dump=FILE, nic and vfio=BDF are"),
      (["--device", "vfio"], "needs a value"),
      (["--device", "vfio=abc"], "no address such as"),
      (["--device", "vfio=6a:01.0,pasid-offset=0x40"], "no value for 'pasid-offset'"),
      (
        ["--device", "vfio=6a:01.0,size=1"],
        "a vfio device has no setting 'size': pasid-offset and pasid are"
      ),
      (["--device", "dsa,size=1"], "a dsa device has no setting 'size': wqs, engines"),
      (
        ["--device", "dump=a,bar6=4K"],
        "a dump device has no setting 'bar6': bar0 to bar5, and id are"
      ),
      (
        ["--device", "nic", "--device", "dsa,wqs=9"],
        "--device dsa,wqs=9: work queues: 9 is not within 1 to 8"
      ),
      (["--device", "dsa@0001:00:08.0"], "domain 0000 only"),
      (["--device", "dsa@00:1f.0"], "is not free"),
      (["--device", "dsa@00:08.1"], "is not free"),
      (["--device", "dsa@01:02.0"], "is not free"),
      (["--device", "dsa@03:00.0"], "numbered by firmware in order"),
      (["--device", "dsa@00:08.0", "--device", "nic@00:08.0"], "two functions"),
      (["--device", "dsa@00:10.0", "--device", "nic@01:00.0"], "two functions"),
      (["--device", "dsa@00:05.0", "--iommu", "vtd@00:05.0"], "two functions"),
      (["--iommu", "smmuv3"], "vtd is"),
      (["--iommu", "vtd@01:00.0"], "is not free"),
      (["--iommu", "vtd,nesting=2"], "no value for 'nesting'"),
      (["--iommu", "vtd,width=40"], "--iommu vtd,width=40: addresses have 39, 48 or 57 bits"),
      (["--iommu", "vtd,pasid-bits=21"], "0 to 20 bits"),
      (["--iommu", "vtd,mode=1"], "pasid-bits, width, nesting"),
      (["--iommu", "vtd,nesting=1", "--device", "vfio=6a:01.0"], "cannot be had with vfio="),
      (["--iommu", "vtd,caching-mode=0", "--device", "vfio=6a:01.0"], "cannot be had with vfio="),
      (["--log", ""], "--log is empty"),
      (["--watch"], "belongs to --status"),
      (["--status", "--device", "dsa"], "serves nothing itself"),
      (["--socket-dir", String(repeating: "/long", count: 30)], "at most 107 bytes"),
    ])
  func refusals(arguments: [String], words: String) throws {
    let message = try refusal(arguments)
    #expect(message.contains(words), "\(message)")
  }

  @Test("a VMM that failed is told of, with what it lacks when it never connected")
  func ends() {
    #expect(ServeWords.words("q", .exited(0), wasConnected: false) == nil)
    #expect(ServeWords.words("q", .exited(1), wasConnected: true) == nil)
    #expect(
      ServeWords.words("q", .signalled(9), wasConnected: true) == "q was ended by signal 9")
    #expect(
      ServeWords.words("q", .exited(1), wasConnected: false)
        == "q ended with status 1 before it connected; if it does not know vfio-user-pci, it is "
        + "older than QEMU 10.1")
  }

  @Test("the command that is named for the status can be given to a shell")
  func statusCommand() throws {
    let plan = VMMPlan(devices: [])
    let words = ServeWords(plan, folder: "/a b/it's", command: try VMMCommand([], plan))
    #expect(words.closing.contains("--status --socket-dir '/a b/it'\\''s'\n"))
  }

  @Test("devices without a place get one each, until none is left")
  func places() throws {
    let many = ServeOptions(
      devices: Array(repeating: ServedDeviceChoice(.network), count: 15),
      unit: ServedUnitChoice(), socketDirectory: "/run/p")
    let places = try ServedPlaces(many)
    #expect(Set(places.devices.map(\.place)).count == 15)
    #expect(Set(places.devices.map(\.socketPath)).count == 15)
    var more = many
    more.devices.append(ServedDeviceChoice(.network))
    #expect(throws: ServeChoiceError.full) { try ServedPlaces(more) }
  }

  @Test("a log without a file goes to standard error")
  func log() throws {
    #expect(try options().log == nil)
    #expect(try options("--json").log == .init(path: "-", isJSON: true))
    #expect(try options("--log", "f", "--log-all").log == .init(path: "f", showsAll: true))
  }
}
