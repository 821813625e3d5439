import Hardware
import HostABI
import HostSystem
import IOMMU
import LogText
import SoftHost

/// Calls that the log sees, and that may be made to fail.
extension Trap {
  /// Whether somebody watches the calls, or spoils some.
  var isWatched: Bool { log != nil || faults.isActive }

  /// Carries out a call as the fault plan wants it, and tells the log.
  ///
  /// - Parameters:
  ///   - call: The call as it was trapped.
  ///   - kind: What it is about.
  ///   - process: Whose it is.
  ///   - body: Carries it out.
  /// - Returns: What becomes of the call.
  /// - Throws: The errno that the program gets.
  func watched(
    _ call: TrappedCall, _ kind: TrappedKind, _ process: ProgramProcess,
    _ body: () throws(LinuxErrno) -> TrapAnswer
  ) throws(LinuxErrno) -> TrapAnswer {
    let begun = clock.nanoseconds
    var file: TracedFile?
    var other: TracedFile?
    if let place = kind.descriptorArgument(call) {
      file = traced(process, Int32(truncatingIfNeeded: place))
      // Files that are none of ours are nobody's business.
      guard file != nil else { return try body() }
    }
    guard var seen = before(call, kind, process, file) else { return try body() }
    let decision = faults.decide(seen, on: file?.kind)
    if let delay = decision.delay { holdBack(by: delay) }
    var attached: [UInt8] = []
    var wanted: TracedAttachment?
    if case .ioctl(let request, let bytes, _) = seen, file?.kind == .iommu {
      wanted = TracedAttachment.of(request, bytes)
    }
    if let wanted, !wanted.isAnswer { attached = copy(wanted, process) }
    if case .ioctl(let request, let bytes, _) = seen {
      other = named(request, bytes, file?.kind, process)
    }

    var answer: Result<TrapAnswer, LinuxErrno>
    if let failure = decision.failure {
      answer = .failure(failure)
    } else {
      do throws(LinuxErrno) { answer = .success(try body()) } catch { answer = .failure(error) }
    }
    if case .success(.goOn) = answer, case .open = kind { return .goOn }
    if log != nil {
      after(call, &seen, process)
      if let wanted, wanted.isAnswer, decision.failure == nil { attached = copy(wanted, process) }
      let result: Result<Int64, LinuxErrno> = answer.map { answer in
        if case .value(let value) = answer { value } else { 0 }
      }
      if case .success(let number) = result {
        if case .open = seen { other = traced(process, Int32(truncatingIfNeeded: number)) }
        if case .duplicate = seen { seen = .duplicate(Int32(truncatingIfNeeded: number)) }
        if case .ioctl(let request, _, let bytes) = seen {
          other = other ?? made(request, bytes, file?.kind, number, process)
        }
      }
      let now = clock.nanoseconds
      log?.record(
        TracedCall(
          start: begun, duration: now &- begun, process: process.number, thread: call.thread,
          file: file, other: other, call: seen, attached: attached, result: result,
          note: decision.note))
    }
    if case .success = answer, !decision.pageRequests.isEmpty { send(decision.pageRequests) }
    return try answer.get()
  }

  // MARK: What the log is told

  private func before(
    _ call: TrappedCall, _ kind: TrappedKind, _ process: ProgramProcess, _ file: TracedFile?
  ) -> TracedCall.Call? {
    switch kind {
    case .open(let form):
      // Only opens of our nodes are calls on the host.
      let folder: Int32? = form == .plain ? nil : Int32(truncatingIfNeeded: call.a)
      guard let path = path(at: form == .plain ? call.a : call.b, process),
        node(path, below: folder, process) != nil
      else { return nil }
      return .open(path: path)
    case .ioctl:
      let request = UInt32(truncatingIfNeeded: call.b)
      return .ioctl(
        request: request, before: argument(request, call.c, file, process), after: [])
    case .transfer(let transfer):
      let offset = transfer.isPositioned ? call.d : nil
      let count = transfer.isVector ? 0 : Int(clamping: call.c)
      guard transfer.isWrite else { return .read(count: count, offset: offset, bytes: []) }
      return .write(count: count, offset: offset, bytes: bytes(call, count, process))
    case .map:
      return .map(offset: call.f, byteCount: call.b, writable: call.c & 2 != 0)
    case .close: return .close
    case .duplicate: return .duplicate(0)
    default: return nil
    }
  }

  private func after(
    _ call: TrappedCall, _ seen: inout TracedCall.Call, _ process: ProgramProcess
  ) {
    switch seen {
    case .ioctl(let request, let old, _):
      let new = (try? process.memory.load(old.count, at: call.c)) ?? []
      seen = .ioctl(request: request, before: old, after: new)
    case .read(let count, let offset, _):
      seen = .read(count: count, offset: offset, bytes: bytes(call, count, process))
    default: break
    }
  }

  private func bytes(_ call: TrappedCall, _ count: Int, _ process: ProgramProcess) -> [UInt8] {
    (try? process.memory.load(min(count, 64), at: call.b)) ?? []
  }

  /// The argument of a request, in the form that it has.
  private func argument(
    _ request: UInt32, _ address: UInt64, _ file: TracedFile?, _ process: ProgramProcess
  ) -> [UInt8] {
    guard let file else { return [] }
    let count: Int
    switch ArgumentForm.of(request, on: file.kind) {
    case .value: return (0..<8).map { UInt8(truncatingIfNeeded: address >> UInt64(8 * $0)) }
    case .sized:
      guard let size = try? process.memory.load(4, at: address) else { return [] }
      count = Int(min(size.span.little(UInt32.self, at: 0) ?? 0, UInt32(ArgumentForm.limit)))
    case .bytes(let fixed): count = fixed
    case .text:
      var text: [UInt8] = []
      while text.count < ArgumentForm.limit,
        let byte = try? process.memory.load(1, at: address &+ UInt64(text.count)), byte[0] != 0
      {
        text.append(byte[0])
      }
      return text
    }
    return (try? process.memory.load(count, at: address)) ?? []
  }

  private func copy(_ wanted: TracedAttachment, _ process: ProgramProcess) -> [UInt8] {
    (try? process.memory.load(wanted.byteCount, at: wanted.address)) ?? []
  }

  // MARK: Files by name

  /// The host's file behind a descriptor, as the log names it.
  private func traced(_ process: ProgramProcess, _ descriptor: Int32) -> TracedFile? {
    guard let number = try? process.file(descriptor), let real = files.file(number) else {
      return nil
    }
    return TracedFile(real.role, number: number)
  }

  /// The file that a request names in its structure.
  private func named(
    _ request: UInt32, _ bytes: [UInt8], _ kind: TracedFile.Kind?, _ process: ProgramProcess
  ) -> TracedFile? {
    guard let kind else { return nil }
    var place: Int?
    switch kind {
    case .device:
      if request == VFIODeviceRequest.bindIOMMUFD.number { place = 8 }
    case .group:
      if request == VFIOGroupRequest.setContainer.rawValue { place = 0 }
    default: break
    }
    guard let place, let number = bytes.span.little(Int32.self, at: place) else { return nil }
    return traced(process, number)
  }

  /// The file that a request has made.
  private func made(
    _ request: UInt32, _ bytes: [UInt8], _ kind: TracedFile.Kind?, _ result: Int64,
    _ process: ProgramProcess
  ) -> TracedFile? {
    switch kind {
    case .group where request == VFIOGroupRequest.getDeviceFD.rawValue:
      return traced(process, Int32(truncatingIfNeeded: result))
    case .iommu:
      switch IOMMUFDRequest(rawValue: request & 0xFF) {
      case .faultQueueAlloc:
        return bytes.span.little(Int32.self, at: 12).flatMap { traced(process, $0) }
      case .veventqAlloc:
        return bytes.span.little(Int32.self, at: 24).flatMap { traced(process, $0) }
      default: return nil
      }
    default: return nil
    }
  }

  // MARK: Page requests on demand

  private func send(_ plans: [PageRequestPlan]) {
    for (index, plan) in plans.enumerated() {
      let endpoint = host.endpoints.first { endpoint in
        switch plan.device {
        case .node(let number): endpoint.deviceIndex == number
        case .address(let address): addresses[endpoint.deviceIndex] == address
        }
      }
      guard let endpoint else { continue }
      var access: DMAAccess = []
      if plan.access.contains(.read) { access.insert(.read) }
      if plan.access.contains(.write) { access.insert(.write) }
      if plan.access.contains(.execute) { access.insert(.execute) }
      if plan.access.contains(.privileged) { access.insert(.privileged) }
      // Groups of a device's own work are numbered from 0.
      let group = UInt16(511 - index % 64)
      let wasTaken = host.send(
        EndpointPageRequest(
          IOVA(plan.address), pasid: plan.pasid.flatMap { PASID(rawValue: $0) }, access,
          group: group),
        from: endpoint)
      log?.record(
        .pageRequest(
          TracedPageRequest(
            device: endpoint.deviceIndex, pasid: plan.pasid, address: plan.address,
            access: "\(plan.access.words)", group: UInt32(group), wasTaken: wasTaken)),
        at: clock.nanoseconds)
    }
  }
}

extension PageRequestPlan.Access {
  /// The access in words.
  fileprivate var words: String {
    [
      (Self.read, "read"), (Self.write, "write"), (Self.execute, "execute"),
      (Self.privileged, "privileged"),
    ].filter { contains($0.0) }.map(\.1).joined(separator: ", ")
  }
}

extension TracedFile {
  /// The host's file as the log names it.
  init(_ role: FileRole, number: Int) {
    let kind: Kind =
      switch role {
      case .context: .iommu
      case .device(let index): .device(index)
      case .group(let index): .group(index)
      case .faults: .faults
      case .events: .events
      case .access: .access
      case .buffer: .buffer
      }
    self.init(kind, number: number)
  }
}

extension TrappedKind {
  /// The argument that is a descriptor of ours.
  fileprivate func descriptorArgument(_ call: TrappedCall) -> UInt64? {
    switch self {
    case .ioctl, .transfer, .close, .duplicate, .control: call.a
    case .map: call.e
    default: nil
    }
  }
}
