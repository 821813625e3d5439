import Glibc
import HostABI
import SoftHost

/// Requests to the software host: mappings and PASIDs, many of them.
struct HostRows {
  let setup: Setup
  private var isQuick: Bool { setup.pairs == 1 }

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    do {
      // First, while the process is small: the memory that PASIDs take is seen in its size.
      try pasids(&table)
      try mappings(&table)
    } catch {
      table.fail("software host: \(error)")
    }
  }

  // MARK: Mappings

  private func mappings(_ table: inout Table) throws {
    let many = isQuick ? 10_000 : 1_000_000
    let large = try MappedSpace(mappings: many)
    let small = try MappedSpace(mappings: 1000)
    let rounds = isQuick ? 200 : 100_000
    for operation in MappedSpace.Operation.allCases {
      let pairs = Pairs(
        setup.pairs, { large.time(operation, rounds) }, { small.time(operation, rounds) })
      let nanoseconds = 1e9 / Double(rounds)
      let time = pairs.a * nanoseconds
      table.add(
        "\(operation.rawValue), \(many) mappings present; baseline: 1000 present",
        "\(time.short) ns", baseline: "\((pairs.b * nanoseconds).short) ns",
        ratio: (pairs.a / pairs.b).times, bar: "< 1000 ns, <= 2 x",
        time < 1000 && pairs.a <= 2 * pairs.b)
    }
  }

  // MARK: PASIDs

  private func pasids(_ table: inout Table) throws {
    let count: UInt32 = isQuick ? 1 << 12 : 1 << 20 - 1
    var attach: [Double] = []
    var detach: [Double] = []
    var bytes: [Double] = []
    for _ in 0..<(isQuick ? 1 : 3) {
      let device = try BenchDevice()
      let before = residentBytes()
      attach.append(try processorSeconds { () throws(LinuxErrno) in try device.attach(1...count) })
      // Later rounds find the memory of earlier ones, so the first tells.
      bytes.append(Double(residentBytes() - before) / Double(count))
      guard device.host.endpoints[0].attachedPASIDCount == Int(count) else {
        return table.fail("software host: PASIDs are missing")
      }
      detach.append(try processorSeconds { () throws(LinuxErrno) in try device.detach(1...count) })
    }
    let nanoseconds = 1e9 / Double(count)
    let (on, off) = (attach.sorted()[attach.count / 2], detach.sorted()[detach.count / 2])
    table.add(
      "attach \(count) PASIDs, each", "\((on * nanoseconds).short) ns", bar: "< 300 ns",
      on * nanoseconds < 300)
    table.add(
      "detach \(count) PASIDs, each", "\((off * nanoseconds).short) ns", bar: "< 300 ns",
      off * nanoseconds < 300)
    let size = bytes[0]
    table.add(
      "memory of a PASID", "\(size.short) B", bar: "< 64 B", isQuick ? nil : size < 64)
  }

  /// The process's resident memory.
  private func residentBytes() -> Int {
    var line = [UInt8](repeating: 0, count: 128)
    let descriptor = unsafe open("/proc/self/statm", O_RDONLY)
    // The buffer is as long as the call is told.
    let count = unsafe line.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, 128) }
    close(descriptor)
    let fields = String(decoding: line.prefix(max(count, 0)), as: UTF8.self).split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
  }
}

/// The processor time that the calling thread takes.
///
/// Requests never wait, so this is what they cost whatever else the machine does.
func processorSeconds(_ body: () throws(LinuxErrno) -> Void) throws(LinuxErrno) -> Double {
  let start = now()
  try body()
  return now() - start
}

private func now() -> Double {
  var time = timespec()
  // The structure is ours, and the call fills all of it.
  unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
