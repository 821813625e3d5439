import HostABI
import Hardware
import IOMMU

/// A queue of page requests (`FAULT`), read and answered through a descriptor.
final class FaultQueue: HostObject {
  /// Requests that are answered as one.
  final class Group {
    let endpoint: Endpoint
    let deviceID: UInt32
    /// The PASID whose attachment it came through, none for the RID's.
    let attachment: UInt32?
    let pasid: UInt32?
    let number: UInt32
    /// In order of arrival, the last one last.
    let records: [PageFaultRecord]

    init(
      endpoint: Endpoint, deviceID: UInt32, attachment: UInt32?, pasid: UInt32?,
      number: UInt32, records: [PageFaultRecord]
    ) {
      self.endpoint = endpoint
      self.deviceID = deviceID
      self.attachment = attachment
      self.pasid = pasid
      self.number = number
      self.records = records
    }
  }

  /// Groups that nobody has read.
  private var waiting = WaitingLine<Group>()
  /// Groups that were read and wait for an answer, by cookie.
  private var unanswered: [UInt32: Group] = [:]
  private var cookies = CookieNumbers()
  /// The context whose number space it is in.
  var context: IOMMUContext?
  /// Who is told of answers in place of the endpoint, for the mock device.
  var onAnswer: ((Group, EndpointPageResponse.Code) -> Void)?

  /// Who is told that there is something to read.
  var onDelivery: (() -> Void)?

  /// Whether a read would find something.
  var isReadable: Bool { !waiting.isEmpty }

  /// The most groups that wait to be read or answered.
  ///
  /// Linux takes as many as come, which the devices' credits bound; an endpoint here has none.
  static let groupLimit = 1 << 16

  /// Queues a group; when there are too many, the pages will not come.
  func deliver(_ group: Group) {
    guard waiting.count + unanswered.count < Self.groupLimit else { return answer(group, .invalid) }
    waiting.append(group)
    onDelivery?()
  }

  /// `read(2)`: as many whole groups as fit.
  ///
  /// - Throws: `ESPIPE` for a size that is no multiple of a record, `EINVAL` when the first group
  ///   does not fit, `EFAULT`.
  func read(
    _ memory: any CallerMemory, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    let size = PageFaultRecord.byteCount
    guard count % size == 0 else { throw .ESPIPE }
    var done = 0
    while let group = waiting.first {
      guard done < count, group.records.count * size <= count - done else {
        if done == 0 { throw .EINVAL }
        break
      }
      // Numbers never run out: a queue cannot hold 2^31 groups.
      let cookie = try cookies.take()
      do throws(LinuxErrno) {
        for (index, record) in group.records.enumerated() {
          var record = record
          record.cookie = cookie
          try memory.store(record, at: address &+ UInt64(done + index * size))
        }
      } catch {
        cookies.free(cookie)
        if done > 0 { break }
        throw error
      }
      waiting.removeFirst()
      unanswered[cookie] = group
      done += group.records.count * size
    }
    return done
  }

  /// `write(2)`: answers, one record each; stops at the first that is wrong.
  ///
  /// - Throws: `ESPIPE` for a size that is no multiple of a record; `EINVAL` when the first record's
  ///   code or cookie is unknown, `EFAULT`.
  func write(
    _ memory: any CallerMemory, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    let size = PageResponseRecord.byteCount
    guard count % size == 0 else { throw .ESPIPE }
    var done = 0
    while done < count {
      do {
        let record = try memory.load(PageResponseRecord.self, at: address &+ UInt64(done))
        guard let code = EndpointPageResponse.Code(rawValue: record.code) else {
          throw LinuxErrno.EINVAL
        }
        let group = unanswered.removeValue(forKey: record.cookie)
        // An unknown number is taken back all the same, which matters for 0.
        cookies.free(record.cookie)
        guard let group else { throw LinuxErrno.EINVAL }
        answer(group, code)
      } catch {
        if done > 0 { break }
        throw error as? LinuxErrno ?? .EFAULT
      }
      done += size
    }
    return done
  }

  /// Answers all of an attachment that ends: the pages will not come.
  func answerAll(of endpoint: Endpoint, pasid: UInt32?) {
    take { $0.endpoint === endpoint && $0.attachment == pasid }
  }

  /// The queue ends; whoever waits is told that the pages will not come.
  func tearDown() { take { _ in true } }

  private func take(_ isWanted: (Group) -> Bool) {
    for group in waiting.removeAll(where: isWanted) { answer(group, .invalid) }
    for (cookie, group) in unanswered.filter({ isWanted($0.value) }) {
      unanswered[cookie] = nil
      cookies.free(cookie)
      answer(group, .invalid)
    }
  }

  private func answer(_ group: Group, _ code: EndpointPageResponse.Code) {
    if let onAnswer { return onAnswer(group, code) }
    group.endpoint.respond(
      EndpointPageResponse(
        group: UInt16(truncatingIfNeeded: group.number),
        pasid: group.pasid.flatMap { PASID(rawValue: $0) }, code: code))
  }
}

extension IOMMUContext {
  /// `IOMMU_FAULT_QUEUE_ALLOC`.
  func allocateFaultQueue(_ call: Call) throws(LinuxErrno) {
    var argument = try load(FaultAllocArgument.self, call)
    guard argument.flags == 0 else { throw .EOPNOTSUPP }
    let queue = try create { id in
      let queue = FaultQueue(id: id)
      queue.context = self
      return (queue, .faults(queue))
    }
    argument.outID = queue.id
    do {
      _ = try host.open(.faults(queue), for: self, by: call.caller) {
        number throws(LinuxErrno) in
        argument.outDescriptor = number
        try self.store(argument, call)
      }
    } catch {
      remove(queue.id)
      throw error
    }
    // The open file uses the object.
    queue.uses += 1
  }
}
