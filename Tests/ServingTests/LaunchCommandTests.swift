import Testing

@testable import Serving

@Suite("A VMM's command line")
struct LaunchCommandTests {
  static let plan = VMMPlan(
    devices: [
      .init(name: "dsa0", place: VMMPlace(device: 8), socket: "/run/p/dsa0.sock")
    ],
    unit: .init(name: "iommu", place: VMMPlace(device: 5), socket: "/run/p/iommu.sock"),
    table: "/run/p/dmar.bin")
  private static let qemu = "qemu-system-x86_64"
  private static let unit =
    #"{"driver":"vfio-user-pci","bus":"pcie.0","addr":"05.0","#
    + #""socket":{"path":"/run/p/iommu.sock","type":"unix"}}"#
  private static let device =
    #"{"driver":"vfio-user-pci","bus":"pcie.0","addr":"08.0","#
    + #""socket":{"path":"/run/p/dsa0.sock","type":"unix"}}"#

  func command(
    _ words: [String], _ plan: VMMPlan = Self.plan
  ) throws(VMMCommandError) -> VMMCommand {
    try VMMCommand([Self.qemu] + words, plan)
  }

  /// The values of one option among what is added.
  func values(_ name: String, _ command: VMMCommand) -> [String] {
    command.additions.filter { $0.first == name }.map { $0[1] }
  }

  @Test("without a command the options alone come out, with machine, memory and table")
  func optionsAlone() throws {
    let command = try VMMCommand([], Self.plan)
    #expect(
      command.options == [
        "-m", "512M",
        "-object", "memory-backend-memfd,id=passage-ram,size=512M,share=on",
        "-machine", "q35,memory-backend=passage-ram",
        "-acpitable", "file=/run/p/dmar.bin",
        "-device", Self.unit, "-device", Self.device,
      ])
    #expect(command.words == command.options)
    #expect(command.notes == [.memory("512M"), .kernelNeeds("intel_iommu=on,sm_on")])
  }

  @Test("what is added stands before the user's options, which stay as they are")
  func order() throws {
    let users = ["-m", "2G", "-device", "e1000e", "disk.img"]
    let command = try command(users)
    #expect(command.words == [Self.qemu] + command.options + users)
    #expect(command.options.contains("memory-backend-memfd,id=passage-ram,size=2G,share=on"))
    #expect(!command.options.contains("-m"))
  }

  @Test("a program may stand behind others that start it")
  func wrapped() throws {
    let words = ["taskset", "1", "/usr/bin/qemu-system-x86_64", "-m", "1G"]
    let command = try VMMCommand(words, Self.plan)
    #expect(command.words == words.prefix(3) + command.options + words.suffix(2))
  }

  @Test(
    "sizes of memory are read as QEMU reads them",
    arguments: [
      ("512", "512M"), ("2G", "2G"), ("2g", "2G"), ("1.5G", "1536M"), ("size=2G,slots=2", "2G"),
      ("3G,slots=2,maxmem=8G", "3G"), ("0x400", "1G"), ("1048576K", "1G"), ("1T", "1024G"),
      ("5000000000b", "4882816K"), ("6144", "6G"),
    ])
  func sizes(text: String, expected: String) throws {
    let backend = try values("-object", command(["-m", text]))
    #expect(backend == ["memory-backend-memfd,id=passage-ram,size=\(expected),share=on"])
  }

  @Test(
    "what is no size is refused", arguments: ["", "0", "x", "1Z", "-1", "17E", "1.1234567G", "2.x"])
  func noSizes(text: String) {
    #expect(throws: VMMCommandError.memorySize(option: "-m size=" + text)) {
      try command(["-m", "size=" + text])
    }
  }

  @Test("the last size counts")
  func lastSize() throws {
    let backend = try values("-object", command(["-m", "1G", "-m", "slots=2", "-m", "3G"]))
    #expect(backend == ["memory-backend-memfd,id=passage-ram,size=3G,share=on"])
  }

  @Test(
    "the user's machine stays",
    arguments: [["-machine", "q35,accel=kvm"], ["-M", "type=pc-q35-10.1"]])
  func machine(words: [String]) throws {
    #expect(try values("-machine", command(words)) == ["memory-backend=passage-ram"])
  }

  @Test("a machine option without a machine is no choice")
  func machineSettings() throws {
    let command = try command(["-machine", "accel=kvm"])
    #expect(values("-machine", command) == ["q35,memory-backend=passage-ram"])
  }

  @Test(
    "a machine without PCI Express is an error that names it, with a unit or without",
    arguments: [
      "pc", "pc,accel=tcg", "type=pc-i440fx-10.1", "isapc", "microvm", "microvm,pcie=off",
    ])
  func oldMachine(value: String) throws {
    for plan in [Self.plan, VMMPlan(devices: Self.plan.devices)] {
      let error = #expect(throws: VMMCommandError.self) { try command(["-M", value], plan) }
      guard case .excluded("-M " + value, let why) = error else {
        Issue.record("another error: \(error.debugDescription)")
        continue
      }
      #expect(why.contains("PCI Express") && why.contains("q35"))
    }
  }

  @Test(
    "a machine with PCI Express is taken, the last that is named",
    arguments: [["-M", "pc", "-M", "q35"], ["-M", "microvm,pcie=on"]])
  func newMachine(words: [String]) throws {
    #expect(try values("-machine", command(words)) == ["memory-backend=passage-ram"])
  }

  @Test(
    "memory of the user's that can be shared stays",
    arguments: [
      ["-object", "memory-backend-memfd,id=m,size=1G", "-machine", "memory-backend=m"],
      [
        "-object", "memory-backend-file,id=m,mem-path=/x,size=1G,share=on", "-M",
        "memory-backend=m",
      ],
      [
        "-object", #"{"qom-type":"memory-backend-ram","id":"m","size":1073741824,"share":true}"#,
        "-machine", "memory-backend=m",
      ],
      ["-object", "memory-backend-memfd,id=m,size=1G", "-numa", "node,memdev=m"],
    ])
  func sharedMemory(words: [String]) throws {
    let command = try command(words + ["-M", "q35"])
    #expect(values("-object", command).isEmpty)
    #expect(values("-machine", command).isEmpty)
  }

  @Test(
    "memory of the user's that cannot be shared is an error",
    arguments: [
      ["-object", "memory-backend-ram,id=m,size=1G"],
      ["-object", "memory-backend-memfd,id=m,size=1G,share=off"],
      ["-object", #"{"qom-type":"memory-backend-file","id":"m","mem-path":"/x","size":1}"#],
    ])
  func privateMemory(words: [String]) {
    let error = VMMCommandError.privateMemory(backend: "m", option: "-M q35,memory-backend=m")
    #expect(throws: error) { try command(words + ["-M", "q35,memory-backend=m"]) }
  }

  @Test(
    "memory modules have to be shared as the machine's own memory has",
    arguments: ["pc-dimm", "nvdimm", "virtio-mem-pci", "virtio-pmem-pci"])
  func modules(driver: String) throws {
    let device = "\(driver),id=d,memdev=m"
    func words(_ backend: String) -> [String] {
      ["-m", "1G,slots=2,maxmem=4G", "-object", backend, "-device", device]
    }
    let error = VMMCommandError.privateMemory(backend: "m", option: "-device " + device)
    #expect(throws: error) { try command(words("memory-backend-ram,id=m,size=256M")) }
    // The machine's own is added all the same.
    let whole = try command(words("memory-backend-ram,id=m,size=256M,share=on"))
    #expect(values("-object", whole) == ["memory-backend-memfd,id=passage-ram,size=1G,share=on"])
    // What a backend of another device is for is not the guest's memory.
    _ = try command([
      "-object", "memory-backend-ram,id=m,size=1M", "-device", "ivshmem-plain,memdev=m",
    ])
  }

  @Test(
    "what cannot stand beside the devices is an error",
    arguments: [
      ["-daemonize"], ["-mem-path", "/dev/hugepages"], ["-device", "intel-iommu,intremap=on"],
    ])
  func excluded(words: [String]) {
    #expect(throws: VMMCommandError.self) { try command(words) }
  }

  @Test("without a unit QEMU's own IOMMU may be there, and nothing of the kernel is said")
  func withoutUnit() throws {
    let plan = VMMPlan(devices: Self.plan.devices)
    let command = try command(["-m", "1G", "-append", "quiet", "-device", "intel-iommu"], plan)
    #expect(values("-device", command) == [Self.device])
    #expect(values("-acpitable", command).isEmpty)
    #expect(command.words.contains("quiet"))
    #expect(command.notes.isEmpty)
  }

  @Test(
    "the guest kernel's words are added to an -append that lacks them",
    arguments: [
      ("console=ttyS0", "console=ttyS0 intel_iommu=on,sm_on"), ("", "intel_iommu=on,sm_on"),
    ])
  func kernelWords(line: String, expected: String) throws {
    let command = try command(["-m", "1G", "-kernel", "k", "-append", line, "-nographic"])
    #expect(command.words.suffix(5) == ["-kernel", "k", "-append", expected, "-nographic"])
    #expect(command.notes == [.kernelGets("intel_iommu=on,sm_on")])
  }

  @Test("an -append that says something of the unit stays")
  func ownKernelWords() throws {
    let whole = try command(["-m", "1G", "-append", "quiet intel_iommu=on,sm_on"])
    #expect(whole.words.last == "quiet intel_iommu=on,sm_on")
    #expect(whole.notes.isEmpty)
    let other = try command(["-m", "1G", "-append", "intel_iommu=off"])
    #expect(other.words.last == "intel_iommu=off")
    #expect(other.notes == [.kernelNeeds("intel_iommu=on,sm_on")])
  }

  @Test("values that look like options are values")
  func values() throws {
    let command = try command(["-name", "-daemonize", "-S", "-m", "1G"])
    #expect(values("-object", command).count == 1)
  }

  @Test("other programs and machines are told apart")
  func programs() {
    #expect(throws: VMMCommandError.unknownVMM("cloud-hypervisor")) {
      try VMMCommand(["cloud-hypervisor", "--disk", "path=/qemu/x"], Self.plan)
    }
    #expect(throws: VMMCommandError.notPC("qemu-system-aarch64")) {
      try VMMCommand(["qemu-system-aarch64"], Self.plan)
    }
    #expect(throws: VMMCommandError.valueMissing(option: "-m")) { try command(["-m"]) }
  }

  @Test("paths are quoted as each reader wants it")
  func quoting() throws {
    var plan = Self.plan
    plan.table = "/a,b/dmar"
    plan.unit?.socket = "/a\"b\\c\u{1}"
    let command = try command(["-m", "1G"], plan)
    #expect(values("-acpitable", command) == ["file=/a,,b/dmar"])
    #expect(values("-device", command)[0].contains(#"{"path":"/a\"b\\c\u0001","#))
  }

  @Test(
    "a shell reads printed words as they are",
    arguments: [
      ("plain-1.0_/x:y=z,%+@", "plain-1.0_/x:y=z,%+@"), ("", "''"), ("a b", "'a b'"),
      ("it's", #"'it'\''s'"#), ("{\"a\":1}", "'{\"a\":1}'"), ("$x", "'$x'"), ("ä", "'ä'"),
    ])
  func shell(word: String, expected: String) {
    #expect(ShellWords.quoted(word) == expected)
  }

  @Test("the printed form is one option a line")
  func printed() throws {
    let lines = try VMMCommand([], Self.plan).printed.split(separator: "\n")
    #expect(lines.count == 6)
    #expect(lines.dropLast().allSatisfy { $0.hasSuffix(" \\") })
    #expect(lines.last == "  -device '\(Self.device)'")
  }

  @Test(
    "objects that are not quite JSON are nobody's",
    arguments: ["{", "{}", "{\"a\"", "{\"a\":", "{\"a\":[[", "{\"a\":\"\\u12\"}", "{\"a\":1,}"])
  func brokenJSON(text: String) {
    #expect(VMMProperties(text, first: "driver").values.isEmpty)
  }

  @Test("nested members of an object are passed over")
  func nestedJSON() {
    let found = VMMProperties(
      #" {"a":{"b":[1,"}",{}]},"c":"\u0041\"", "d" : true,"e":12}"#.dropFirst().description,
      first: "driver")
    #expect(found.values == ["a": "", "c": "A\"", "d": "on", "e": "12"])
    let deep = "{\"a\":" + String(repeating: "[", count: 10_000)
    #expect(VMMProperties(deep, first: "driver").values.isEmpty)
  }
}
