import HostABI
import Hardware
import Synchronization

/// A bound device, and the tables that are attached to it.
///
/// The record of attachments keeps their tables, because Linux does not destroy a table that a
/// device is attached to. The lock protects the record together with the requests that change it.
final class DeviceHandle: Sendable {
  private struct Attachments {
    var requester: KernelObject?
    var pasids: [PASID: KernelObject] = [:]

    subscript(pasid: PASID?) -> KernelObject? {
      get {
        guard let pasid else { return requester }
        return pasids[pasid]
      }
      set {
        if let pasid { pasids[pasid] = newValue } else { requester = newValue }
      }
    }
  }

  let context: IOMMUContext
  let file: OpenFile
  let id: UInt32
  private let attachments = Mutex(Attachments())

  init(_ id: UInt32, _ file: OpenFile, _ context: IOMMUContext) {
    self.id = id
    self.file = file
    self.context = context
  }

  /// The kernel detaches everything at the close, and only then can the tables go.
  deinit { file.close() }

  var name: IOMMUObject { .device(path: file.path, id: id) }

  /// Makes one request of the device.
  func perform<Argument: WireStructure>(
    _ request: VFIODeviceRequest, _ argument: inout Argument, _ circumstances: Circumstances = [],
    about objects: @autoclosure () -> [IOMMUObject] = []
  ) throws(IOMMUError) {
    do throws(LinuxErrno) {
      _ = try file.kernel.perform(request.number, on: file.descriptor, &argument)
    } catch {
      throw IOMMUError(.device(request), error, [name] + objects(), circumstances)
    }
  }

  /// Attaches a table or an address space, or puts it in another one's place.
  ///
  /// - Returns: The table that the kernel attached.
  func attach(
    _ object: KernelObject, _ pasid: PASID?, replacing: Bool
  ) throws(IOMMUError) -> UInt32 {
    var argument = AttachArgument()
    argument.tableID = object.id
    if let pasid {
      argument.flags = 1
      argument.pasid = pasid.rawValue
    }
    if let refusal = refusal(object, pasid) {
      throw IOMMUError(.device(.attach), refused: refusal, names(pasid, object))
    }
    let template = argument
    // What was attached before is let go of after the lock, because that may destroy it.
    let (table, former) = try attachments.withLock {
      (attachments) throws(IOMMUError) -> (UInt32, KernelObject?) in
      let former = attachments[pasid]
      guard (former != nil) == replacing else {
        throw IOMMUError(
          .device(.attach), refused: replacing ? .notAttached : .alreadyAttached,
          names(pasid, object))
      }
      var argument = template
      try perform(
        .attach, &argument, Self.circumstances(attachments, object, pasid),
        about: Array(names(pasid, object).dropFirst()))
      attachments[pasid] = object
      return (argument.tableID, former)
    }
    withExtendedLifetime(former) {}
    return table
  }

  /// Detaches what is attached, if anything is.
  func detach(_ pasid: PASID?) throws(IOMMUError) {
    guard pasid?.rawValue != 0 else {
      throw IOMMUError(.device(.detach), refused: .pasidZero, names(pasid, nil))
    }
    let former = try attachments.withLock {
      (attachments) throws(IOMMUError) -> KernelObject? in
      var argument = DetachArgument()
      if let pasid {
        argument.flags = 1
        argument.pasid = pasid.rawValue
      }
      try perform(
        .detach, &argument, pasid == nil ? [] : .pasid,
        about: Array(names(pasid, nil).dropFirst()))
      let former = attachments[pasid]
      attachments[pasid] = nil
      return former
    }
    withExtendedLifetime(former) {}
  }

  /// The PASIDs that have tables, ascending.
  var attachedPASIDs: [PASID] { attachments.withLock { $0.pasids.keys.sorted() } }

  /// The table or address space that requests without a PASID go through.
  var requesterTable: IOMMUObject? { attachments.withLock { $0.requester?.name } }

  private func refusal(_ object: KernelObject, _ pasid: PASID?) -> IOMMUError.Refusal? {
    if object.context !== context { return .otherContext }
    // Linux would count it as the device's non-PASID part in a record that nothing else undoes.
    return pasid?.rawValue == 0 ? .pasidZero : nil
  }

  private func names(_ pasid: PASID?, _ object: KernelObject?) -> [IOMMUObject] {
    var names = [name]
    if let pasid { names.append(.pasid(pasid.rawValue)) }
    if let object { names.append(object.name) }
    return names
  }

  private static func circumstances(
    _ attachments: Attachments, _ object: KernelObject, _ pasid: PASID?
  ) -> Circumstances {
    var result: Circumstances = pasid == nil ? [] : .pasid
    switch object.name {
    case .addressSpace: result.insert(.addressSpace)
    case .nestedTable: result.insert(.nested)
    default: break
    }
    if !object.options.contains(.pasid) { result.insert(.tableLacksPASID) }
    if let requester = attachments.requester, !requester.options.contains(.pasid) {
      result.insert(.requesterLacksPASID)
    }
    if !attachments.pasids.isEmpty { result.insert(.pasidsAttached) }
    return result
  }
}
