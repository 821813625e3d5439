import HostABI

/// One kernel on which a sequence runs: its context, its memory, and what the steps gave there.
final class World {
  let kernel: any HostKernel
  let arena: Arena
  private let devicePaths: [String]
  private let file: Int32
  private let otherFile: Int32

  private(set) var context: Int32 = -1
  private var results: [Int: [UInt64]] = [:]
  /// Descriptors that steps opened, each once.
  private var opened: [Int32] = []
  private var guards = WorldGuards()
  private var memoryWritten = false
  /// Whether nothing more can be compared.
  private(set) var isOver = false

  /// An id that no object has.
  static let missing: UInt64 = 0x7FFF_FFF0

  init(_ kernel: any HostKernel, devicePaths: [String]) throws(LinuxErrno) {
    self.kernel = kernel
    self.devicePaths = devicePaths
    arena = try Arena(kernel)
    file = try kernel.makeMemoryFile(16 * 4096)
    otherFile = try kernel.makeEventCounter()
  }

  /// Opens a fresh context.
  func begin() throws(LinuxErrno) {
    context = try kernel.open("/dev/iommu")
    results = [0: [UInt64(file), UInt64(otherFile), UInt64(context)]]
    guards = WorldGuards()
    isOver = false
  }

  /// Closes everything; returns what the writable memory holds if a step may have changed it.
  func end() throws(LinuxErrno) -> [UInt8]? {
    for (holder, pasid) in guards.attachedPASIDs {
      var argument = MockPASIDArgument {
        $0.operation = MockOperation.detachPASID.rawValue
        $0.id = holder
        $0.pasid = pasid
      }
      _ = try? kernel.perform(MockRequest.number, on: context, &argument)
    }
    for descriptor in opened.reversed() { try kernel.close(descriptor) }
    opened = []
    try kernel.close(context)
    guard memoryWritten else { return nil }
    let contents = try arena.contents()
    memoryWritten = false
    try arena.refill()
    return contents
  }

  /// Gives all memory and files back.
  func release() {
    arena.release()
    try? kernel.close(file)
    try? kernel.close(otherFile)
  }

  /// What a step gave, on this kernel.
  func result(_ step: Int, _ index: Int) -> UInt64? {
    guard let values = results[step], index < values.count else { return nil }
    return values[index]
  }

  private func value(_ operand: Operand) -> UInt64 {
    switch operand {
    case .number(let value): value
    case .memory(let offset): arena.base &+ offset
    case .result(let step, let index): result(step, index) ?? Self.missing
    }
  }

  /// What is no open file of this sequence becomes a descriptor that nobody has: a number may be
  /// some other file of this process.
  private func descriptorChecked(
    _ value: UInt64, _ field: StepField, _ operand: Operand
  ) -> UInt64 {
    guard case .descriptor = field.role else { return value }
    if case .result(0, _) = operand { return value }
    return opened.contains(Int32(truncatingIfNeeded: value)) ? value : 0x7FFF_FFFF
  }

  /// Carries out a step.
  func perform(_ step: Step) throws(LinuxErrno) -> StepOutcome {
    let values = zip(step.template.parameters, step.operands).map { field, operand in
      descriptorChecked(value(operand), field, operand)
    }
    guard guards.allow(step.template, values) else { return .leftOut }
    let outcome: StepOutcome
    switch step.template.call {
    case .request(let number, let size):
      outcome = try request(step, values, number, size, on: context, operation: nil)
    case .mock(let operation):
      outcome = try request(
        step, values, MockRequest.number, MockRequest.byteCount, on: context, operation: operation)
    case .device(let number, let size):
      outcome = try request(
        step, values, number, size, on: Int32(truncatingIfNeeded: values[0]), operation: nil)
    case .read, .write, .poll, .close, .open: outcome = try call(step, values)
    }
    if ["get", "put"].contains(step.template.name) { memoryWritten = true }
    if outcome.worked {
      guards.note(step.template, values, results[step.id] ?? [])
    } else if guards.ends(step.template, values) {
      isOver = true
    }
    return outcome
  }

  // MARK: Requests

  private func request(
    _ step: Step, _ values: [UInt64], _ number: UInt32, _ size: Int, on descriptor: Int32,
    operation: UInt32?
  ) throws(LinuxErrno) -> StepOutcome {
    let template = step.template
    let stated = step.template.fields.indices.last.map { values[$0] } ?? 0
    let count = max(size, Int(min(stated, 4000)))
    var bytes = [UInt8](repeating: 0, count: count)
    bytes.put(stated == 0 ? UInt64(size) : stated, at: 0, 4)
    if let operation { bytes.put(UInt64(operation), at: 4, 4) }
    for (field, value) in zip(template.fields, values) where field.offset > 0 {
      bytes.put(value, at: field.offset, field.width)
    }
    if let data = template.data {
      bytes.put(arena.base + Arena.scratch, at: data.offset, 8)
      var block = [UInt8](repeating: 0, count: max(data.compared, 128))
      for (word, value) in zip(data.words, values.dropFirst(template.fields.count)) {
        block.put(value, at: word.offset, word.width)
      }
      try kernel.store(block, arena.base + Arena.scratch)
    }
    let address = arena.base + Arena.argument
    try kernel.store(bytes, address)
    var outcome: StepOutcome
    do {
      outcome = StepOutcome(answer: .value(try kernel.ioctl(descriptor, number, address)))
    } catch {
      outcome = StepOutcome(answer: .errno(error))
    }
    var after = try kernel.load(address, count)
    if outcome.worked { collect(step, after, &outcome) }
    normalise(&after, template, step.operands, values, worked: outcome.worked)
    outcome.bytes = after
    if let compared = template.data?.compared, compared > 0 {
      outcome.bytes += try kernel.load(arena.base + Arena.scratch, compared)
    }
    return outcome
  }

  private func collect(_ step: Step, _ bytes: [UInt8], _ outcome: inout StepOutcome) {
    var given: [UInt64] = []
    for result in step.template.results {
      let value = bytes.number(at: result.offset, result.width)
      given.append(value)
      if result.descriptor != nil {
        opened.append(Int32(truncatingIfNeeded: value))
      } else {
        outcome.results.append(value)
      }
    }
    results[step.id] = given
  }

  /// Replaces what is this process's own: addresses by offsets, descriptors by zero.
  private func normalise(
    _ bytes: inout [UInt8], _ template: StepTemplate, _ operands: [Operand], _ values: [UInt64],
    worked: Bool
  ) {
    for (index, field) in template.fields.enumerated() where field.offset > 0 {
      guard bytes.number(at: field.offset, field.width) == values[index].low(field.width) else {
        continue
      }
      switch operands[index] {
      case .memory(let offset): bytes.put(offset, at: field.offset, field.width)
      case .result(let step, _):
        if step == 0 { bytes.put(0, at: field.offset, field.width) }
        if case .descriptor = field.role { bytes.put(0, at: field.offset, field.width) }
      case .number: break
      }
    }
    if let data = template.data,
      bytes.number(at: data.offset, 8) == arena.base + Arena.scratch
    {
      bytes.put(0, at: data.offset, 8)
    }
    guard worked else { return }
    for result in template.results where result.descriptor != nil {
      bytes.put(0, at: result.offset, result.width)
    }
  }

  // MARK: Other calls

  private func call(_ step: Step, _ values: [UInt64]) throws(LinuxErrno) -> StepOutcome {
    let scratch = arena.base + Arena.scratch
    let descriptor = Int32(truncatingIfNeeded: values[0])
    do {
      switch step.template.call {
      case .read:
        let count = Int(min(values[1], 512))
        try kernel.store([UInt8](repeating: 0xA5, count: 512), scratch)
        let got = try kernel.read(descriptor, scratch, count)
        let bytes = try kernel.load(scratch, 512)
        results[step.id] = step.template.results.map { bytes.number(at: $0.offset, $0.width) }
        return StepOutcome(answer: .value(Int32(got)), bytes: bytes)
      case .write:
        var bytes = [UInt8](repeating: 0, count: 64)
        for (field, value) in zip(step.template.fields, values).dropFirst(2) {
          bytes.put(value, at: field.offset, field.width)
        }
        try kernel.store(bytes, scratch)
        return StepOutcome(
          answer: .value(Int32(try kernel.write(descriptor, scratch, Int(min(values[1], 64))))))
      case .poll:
        return StepOutcome(answer: .value(Int32(try kernel.poll(descriptor).rawValue)))
      case .close:
        // A number that no step opened is not this sequence's to close.
        guard let index = opened.firstIndex(of: descriptor) else { return .leftOut }
        opened.remove(at: index)
        try kernel.close(descriptor)
        return StepOutcome(answer: .value(0))
      case .open:
        guard values[0] < UInt64(devicePaths.count) else { return .leftOut }
        let descriptor = try kernel.open(devicePaths[Int(values[0])])
        opened.append(descriptor)
        results[step.id] = [UInt64(descriptor)]
        return StepOutcome(answer: .value(0))
      case .request, .mock, .device: return .leftOut
      }
    } catch {
      return StepOutcome(answer: .errno(error))
    }
  }
}

extension [UInt8] {
  /// Stores the low bytes of a number; what would not fit is left out.
  mutating func put(_ value: UInt64, at offset: Int, _ width: Int) {
    for index in 0..<width where offset + index < count {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
    }
  }

  /// The number in some bytes; what lies past the end counts as zero.
  func number(at offset: Int, _ width: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<width where offset + index < count {
      value |= UInt64(self[offset + index]) << (index * 8)
    }
    return value
  }
}

extension UInt64 {
  /// The low bytes.
  func low(_ width: Int) -> UInt64 { width >= 8 ? self : self & ((1 << (width * 8)) - 1) }
}
