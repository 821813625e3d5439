import Foundation
import Testing

@Suite("A program is launched into a host of its own", .enabled(if: Probe.works))
struct LaunchTests {
  @Test("it sees the devices as sysfs shows real ones", arguments: [false, true])
  func sees(asOrdinaryUser: Bool) throws {
    guard !asOrdinaryUser || Probe.worksForOthers else { return }
    let device = "/sys/bus/pci/devices/0000:6a:01.0"
    let script = """
      test -e /dev/iommu && test -e /dev/vfio/devices/vfio0 && test -e /dev/vfio/77 || exit 1
      test -e /dev/null && test -d /dev/pts && test -d /sys/class && test -d /proc/self || exit 2
      cat \(device)/vendor \(device)/device \(device)/class
      readlink \(device) \(device)/subsystem \(device)/iommu_group
      cd -P \(device)/driver && pwd
      ls \(device)/vfio-dev /sys/kernel/iommu_groups/77/devices /sys/class/iommu/dmar0/devices
      cat /sys/class/vfio-dev/vfio0/device/class; wc -c < \(device)/config
      id -u
      """
    let result = try asOrdinaryUser ? Probe.runAsNobody(script) : Probe.script(script)
    #expect(result.status == 0 && result.errors == "")
    let lines = result.lines.map(String.init)
    let expected = [
      "0x8086", "0x0b25", "0x088000", "../../../devices/pci0000:6a/0000:6a:01.0",
      "../../../bus/pci", "../../../kernel/iommu_groups/77", "/sys/bus/pci/drivers/vfio-pci",
    ]
    let first = try #require(lines.firstIndex(of: "0x8086"))
    #expect(Array(lines[first...].prefix(expected.count)) == expected)
    #expect(lines.contains("vfio0") && lines.filter { $0 == "0000:6a:01.0" }.count == 2)
    #expect(lines.contains("4096"))
    if asOrdinaryUser {
      let nobody = try Probe.run("/usr/bin/id", ["-u", "nobody"]).lines.first
      #expect(lines.last.map { Substring($0) } == nobody)
    }
  }

  @Test("the device number of the node is the one that sysfs states")
  func number() throws {
    let result = try Probe.script(
      "printf '%d:%d ' $(stat -c '0x%t 0x%T' /dev/vfio/devices/vfio0);"
        + "cat /sys/class/vfio-dev/vfio0/dev", options: ["--report"])
    guard result.output.contains("real true") else { return }
    let numbers = try #require(result.lines.last).split(separator: " ")
    #expect(numbers.count == 2 && numbers[0] == numbers[1])
  }

  @Test("nodes are told by file, and an open that nobody answers reaches no driver")
  func nodes() throws {
    let result = try Probe.script(
      "stat -c '%n %d %i' /dev/iommu; head -c 1 /dev/iommu", options: ["--report"])
    let told = result.lines.first { $0.hasPrefix("/dev/iommu ") }
    #expect(told != nil && result.lines.last == told)
    #expect(!result.output.contains("real true") || result.status != 0)
  }

  @Test("a real device with the same address is hidden, its neighbours are not")
  func hidden() throws {
    let real = try FileManager.default
      .contentsOfDirectory(atPath: "/sys/bus/pci/devices").sorted()
    guard let victim = real.first, real.count > 1 else { return }
    let result = try Probe.script(
      "ls /sys/bus/pci/devices; cat /sys/bus/pci/devices/\(victim)/device",
      options: ["--same-address", victim])
    #expect(result.lines.map(String.init) == real + ["0x0b25"])
  }

  @Test(
    "its end is reported as a shell would",
    arguments: [
      ("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -SEGV $$", 139),
      ("nonesuch-program 2>/dev/null", 127),
    ])
  func end(script: String, status: Int32) throws {
    #expect(try Probe.script(script).status == status)
  }

  @Test("what cannot be run is told", arguments: [("nonesuch", 127), ("/etc/passwd", 126)])
  func refused(name: String, status: Int32) throws {
    let result = try Probe.run([name])
    #expect(result.status == status && result.errors.contains(name))
  }

  @Test("a call that the filter asks about waits, and can be ended while it does")
  func trapped() throws {
    let result = try Probe.script("echo never", options: ["--trap-exec"])
    #expect(result.status == 137 && result.output == "")
  }

  @Test("descriptors, environment and folder of the caller pass through")
  func passing() throws {
    let result = try Probe.run(
      "/bin/sh",
      ["-c", "cd /usr; X=1 \"$0\" sh -c 'pwd; echo $X; echo five >&5' 5>&1", Probe.path ?? ""])
    #expect(result.output == "/usr\n1\nfive\n")
  }

  @Test("nothing of ours is open in the program")
  func descriptors() throws {
    // What this process left open for its children is not ours: bash closes it first.
    let script = """
      for n in $(ls /proc/$$/fd); do [ $n -gt 2 ] && eval "exec $n>&-"; done
      exec "$0" sh -c 'ls /proc/$$/fd'
      """
    let bash = "/bin/bash"
    guard FileManager.default.isExecutableFile(atPath: bash) else { return }
    let result = try Probe.run(bash, ["-c", script, Probe.path ?? ""])
    #expect(result.lines == ["0", "1", "2"], "\(result.output)")
  }

  @Test("the machine's mounts stay as they were")
  func mounts() throws {
    func ours(_ list: String) -> Int {
      list.split(separator: "\n").count { $0.contains("passage") }
    }
    // Other programs of the machine may mount what they like meanwhile.
    let list = "/proc/self/mountinfo"
    let before = ours(try String(contentsOfFile: list, encoding: .utf8))
    let inside = try Probe.script("grep -c passage \(list)").lines.last
    #expect((inside.flatMap { Int($0) } ?? 0) > before)
    #expect(ours(try String(contentsOfFile: list, encoding: .utf8)) == before)
  }
}
