import HostSystem
/// What a log has counted.
struct LogSummary: Sendable {
  /// Calls of one name.
  struct CallCount: Sendable {
    var durations = DurationHistogram()
    /// Failed calls by errno's name.
    var errors: [String: Int] = [:]
    /// Failures that the user asked for.
    var injected = 0
  }

  /// What one device did.
  struct DeviceCount: Sendable {
    var reads = 0
    var writes = 0
    var bytes: UInt64 = 0
    var faults = 0
    var pasids: Set<UInt32> = []
    var interrupts = 0
    var pageRequests = 0
    var pageResponses = 0
    var stale = 0
    /// PASIDs that were attached at some time.
    var attachedPASIDs: Set<UInt32> = []
    var attaches = 0
  }

  /// What a context still held when its file was closed, or the program ended.
  struct LeftObjects: Sendable {
    var context: String
    var objects: [String]
    var mappings: Int
    var mappedBytes: UInt64
    var attachments: [String]
  }

  var calls: [String: CallCount] = [:]
  var devices: [Int: DeviceCount] = [:]
  /// By the contexts' files' numbers; the first ones that had something left.
  var left: [Int: LeftObjects] = [:]
  /// Contexts that had nothing left, and those that had but are not among the first.
  var emptyContexts = 0
  var furtherContexts = 0
  /// Contexts that were open at the end and are counted, so that their close does not count again.
  private var notedContexts: Set<Int> = []
  var end: ProgramEnd?
  var duration: UInt64 = 0
  var leftBehind: (contexts: Int, chargedPages: Int)?

  /// Keep what is noted small, whatever a program or its guest does.
  private static let pasidLimit = 4096
  private static let contextLimit = 64
  private static let objectLimit = 1024

  /// The name that requests are counted under which nobody knows.
  static let unknownRequest = "unknown request"

  mutating func count(_ call: TracedCall, _ decoded: DecodedCall) {
    duration = max(duration, call.start &+ call.duration)
    let name = decoded.name.hasPrefix("ioctl ") ? Self.unknownRequest : decoded.name
    calls[name, default: CallCount()].durations.add(call.duration)
    if let errno = decoded.errno {
      calls[name]?.errors[errno, default: 0] += 1
      if call.note != nil { calls[name]?.injected += 1 }
    }
    guard decoded.errno == nil, decoded.name == "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
      case .device(let index)? = call.file?.kind
    else { return }
    devices[index, default: DeviceCount()].attaches += 1
    for field in decoded.fields where field.name == "pasid" {
      if case .number(let pasid) = field.value,
        devices[index, default: DeviceCount()].attachedPASIDs.count < Self.pasidLimit
      {
        devices[index]?.attachedPASIDs.insert(UInt32(truncatingIfNeeded: pasid))
      }
    }
  }

  mutating func count(_ event: TracedEvent, at time: UInt64, _ knowledge: HostKnowledge) {
    duration = max(duration, time)
    switch event {
    case .ended(let end):
      self.end = end
      for number in knowledge.contexts.keys.sorted() { noteLeft(number, knowledge) }
    case .released(let file):
      guard file.kind == .iommu else { return }
      noteLeft(file.number, knowledge)
      notedContexts.remove(file.number)
    case .dma(let dma):
      var device = devices[dma.device] ?? DeviceCount()
      if dma.fault != nil {
        device.faults += 1
      } else if dma.isWrite {
        device.writes += 1
      } else {
        device.reads += 1
      }
      if dma.fault == nil { device.bytes &+= UInt64(max(0, dma.byteCount)) }
      if let pasid = dma.pasid, device.pasids.count < Self.pasidLimit {
        device.pasids.insert(pasid)
      }
      devices[dma.device] = device
    case .interrupt(let index, _): devices[index, default: DeviceCount()].interrupts += 1
    case .pageRequest(let request):
      devices[request.device, default: DeviceCount()].pageRequests += 1
    case .pageResponse(let index, _, _, _):
      devices[index, default: DeviceCount()].pageResponses += 1
    case .stale(let index, _, _): devices[index, default: DeviceCount()].stale += 1
    case .leftBehind(let contexts, let pages): leftBehind = (contexts, pages)
    case .started, .message: break
    }
  }

  /// Notes what a context holds now, unless that was done before.
  private mutating func noteLeft(_ number: Int, _ knowledge: HostKnowledge) {
    guard let context = knowledge.contexts[number], notedContexts.insert(number).inserted else {
      return
    }
    guard !context.objects.isEmpty || context.mappings.values.contains(where: { !$0.isEmpty })
    else {
      emptyContexts += 1
      return
    }
    guard left.count < Self.contextLimit else {
      furtherContexts += 1
      return
    }
    let objects = context.objects.keys.sorted().prefix(Self.objectLimit).map {
      context.longName($0)
    }
    let attachments = context.attachments.map { point, table in
      context.name(point.device) + (point.pasid.map { " PASID \($0)" } ?? "")
        + " on \(context.name(table))"
    }
    left[number] = LeftObjects(
      context: TracedFile(.iommu, number: number).name, objects: objects,
      mappings: context.mappings.values.reduce(0) { $0 + $1.count },
      mappedBytes: context.mappings.keys.reduce(0) { $0 &+ context.mappedBytes($1) },
      attachments: Array(attachments.sorted().prefix(Self.objectLimit)))
  }
}
