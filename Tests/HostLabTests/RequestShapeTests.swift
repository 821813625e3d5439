import HostABI
import LogText
import PCIe
import Testing

@testable import HostLab

@Suite("Shapes of requests")
struct RequestShapeTests {
  @Test("a request's fields lie in its structure and do not overlap", arguments: RequestNames.all)
  func fields(_ name: String) throws {
    let shapes =
      Array(RequestShape.iommufd.values) + Array(RequestShape.device.values)
      + Array(RequestShape.group.values) + Array(RequestShape.container.values)
      + Array(RequestShape.mock.values)
    guard let shape = shapes.first(where: { $0.name == name }) else { return }
    var end = 0
    for field in shape.fields.sorted(by: { $0.offset < $1.offset }) {
      #expect(field.offset >= end, "\(field.name)")
      end = field.offset + field.byteCount
    }
    #expect(end <= shape.byteCount)
    #expect(Set(shape.fields.map(\.name)).count == shape.fields.count)
  }

  @Test("a shape is as large as the kernel's structure", arguments: IOMMUFDRequest.allCases)
  func size(_ request: IOMMUFDRequest) {
    #expect(RequestShape.iommufd[request]?.byteCount == request.sizes.full)
    #expect(RequestShape.iommufd[request]?.fields.isEmpty == false)
  }

  @Test("every mock operation has a name of its own")
  func mockNames() {
    let names = MockOperation.allCases.compactMap { RequestShape.mock[$0]?.name }
    #expect(Set(names).count == MockOperation.allCases.count)
    #expect(names.allSatisfy { $0.hasPrefix("IOMMU_TEST_OP_") })
  }

  /// A small generator, so that a failure can be had again.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
      return z ^ z >> 31
    }
  }

  @Test("whatever a program passes, the log has a line for it", arguments: 0..<8)
  func anything(_ seed: UInt64) throws {
    var random = Generator(state: seed)
    var text = LogWriter(
      [LogDevice(index: 0, address: .init(bus: 0x6A, device: 1, function: 0))],
      .text(LogStyle(isColored: true, showsAll: true)))
    var json = LogWriter([], .json)
    let kinds: [TracedFile.Kind] = [
      .iommu, .device(0), .group(10), .faults, .events, .access, .buffer,
    ]
    func bytes(_ random: inout Generator) -> [UInt8] {
      let count = Int.random(in: 0...ArgumentForm.limit, using: &random)
      let isDense = Bool.random(using: &random)
      // Small numbers name objects, lengths and operations.
      return (0..<count).map { index in
        isDense || index % 4 == 0 ? UInt8.random(in: 0...(isDense ? 255 : 48), using: &random) : 0
      }
    }
    for step in 0..<1000 {
      let kind = try #require(kinds.randomElement(using: &random))
      let file = TracedFile(kind, number: Int.random(in: 1...6, using: &random))
      let other = Bool.random(using: &random) ? TracedFile(.iommu, number: 1) : nil
      let call: TracedCall.Call
      let offset = UInt64.random(in: 0...0x40, using: &random) << 40 | UInt64(step)
      switch Int.random(in: 0..<8, using: &random) {
      case 0: call = .open(path: "/dev/\u{1B}[2J\n")
      case 1:
        call = .read(
          count: Int.random(in: Int.min...Int.max, using: &random),
          offset: Bool.random(using: &random) ? offset : nil, bytes: bytes(&random))
      case 2:
        call = .write(
          count: Int.random(in: 0...64, using: &random), offset: offset, bytes: bytes(&random))
      case 3: call = .map(offset: offset, byteCount: .max, writable: true)
      default:
        let number = UInt32.random(in: 0x3B60...0x3BA1, using: &random)
        call = .ioctl(request: number, before: bytes(&random), after: bytes(&random))
        _ = TracedAttachment.of(number, bytes(&random))
      }
      let traced = TracedCall(
        start: random.next() >> 8, duration: random.next() >> 8, process: 1, thread: 2,
        file: file, other: other, call: call, attached: bytes(&random),
        result: Bool.random(using: &random)
          ? .success(Int64(bitPattern: random.next()))
          : .failure(LinuxErrno(rawValue: Int32.random(in: 1...140, using: &random))))
      let line = String(decoding: text.lines(traced), as: UTF8.self)
      #expect(line.split(separator: "\n").count == (step == 0 ? 3 : 1))
      #expect(!line.contains("\u{1B}[2J"))
      #expect(json.lines(traced).last == UInt8(ascii: "\n"))
      if step % 50 == 0 {
        _ = text.lines(.released(file), at: 1)
        _ = json.lines(.released(file), at: 1)
      }
    }
    #expect(!text.ending().isEmpty && !json.ending().isEmpty)
  }

  @Test(
    "a median is right within a step", arguments: [1, 15, 16, 17, 1000, 123_456, .max] as [UInt64])
  func median(_ value: UInt64) {
    var histogram = DurationHistogram()
    for _ in 0..<3 { histogram.add(value) }
    histogram.add(0)
    #expect(histogram.maximum == value)
    #expect(histogram.median <= value)
    #expect(Double(histogram.median) >= Double(value) * 0.93)
  }
}
