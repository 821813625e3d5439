import Hardware
import HostABI

extension CallDecoder {
  /// Why a call failed: what the errno means here, and who is in the way if that is known.
  func reason(_ errno: LinuxErrno, _ call: TracedCall) -> String? {
    if call.note != nil { return nil }
    guard case .ioctl(let request, let before, _) = call.call, let file = call.file else {
      return Self.meanings[errno]
    }
    if before.isEmpty, errno == .EFAULT { return "the structure cannot be read" }
    let known = knowledge.context(of: call).flatMap { knowledge.contexts[$0] }
    if file.kind == .iommu, request == IOMMUFDRequest.destroy.number, errno == .EBUSY {
      let users = known?.users(of: StructureReader(before).word(4)) ?? []
      if !users.isEmpty {
        return "used by " + users.prefix(4).joined(separator: ", ")
          + (users.count > 4 ? " and \(users.count - 4) more" : "")
      }
    }
    if errno == .ENOENT || errno == .EINVAL, let missing = missingObject(call, request, before) {
      return missing
    }
    if errno == .EINVAL, case .device = file.kind, knowledge.bound[file.number] == nil,
      request != VFIODeviceRequest.bindIOMMUFD.number
    {
      return "the device is not bound yet"
    }
    if errno == .EINVAL, file.kind == .iommu,
      let shape = RequestNames.shape(of: request, on: file.kind, before),
      let stated = before.span.little(UInt32.self, at: 0),
      let known = IOMMUFDRequest(rawValue: request & 0xFF), shape.name == known.name,
      Int(stated) < known.sizes.minimum
    {
      return "size \(stated) is less than \(known.sizes.minimum)"
    }
    return Self.meanings[errno]
  }

  /// The first object of the request that there is not.
  private func missingObject(
    _ call: TracedCall, _ request: UInt32, _ before: [UInt8]
  ) -> String? {
    guard let context = knowledge.context(of: call), let known = knowledge.contexts[context],
      let shape = RequestNames.shape(of: request, on: call.file?.kind, before)
    else { return nil }
    let flags = before.span.little(UInt32.self, at: 4) ?? 0
    for field in shape.fields where field.direction != .answered {
      guard case .object = field.meaning, !field.hidesZero,
        field.neededFlags == 0 || flags & field.neededFlags != 0,
        let id = before.span.little(UInt32.self, at: field.offset), known.objects[id] == nil
      else { continue }
      return "\(field.name) \(id): there is no such object"
    }
    return nil
  }

  /// What the errnos of iommufd and VFIO mean.
  private static let meanings: [LinuxErrno: String] = [
    .EPERM: "not permitted", .ENOENT: "no such object, path or mapping",
    .EINTR: "a signal came", .EIO: "input or output failed",
    .EBADF: "not an open descriptor", .EAGAIN: "nothing there yet",
    .ENOMEM: "no memory, or the limit on locked memory", .EACCES: "access is not allowed",
    .EFAULT: "the program's memory cannot be used there", .EBUSY: "in use",
    .EEXIST: "exists already", .ENODEV: "no such device", .EINVAL: "understood, but wrong",
    .EMFILE: "too many descriptors", .ENOTTY: "no such request", .ENOSPC: "no room",
    .ESPIPE: "not a multiple of the record", .E2BIG: "unknown tail bytes are not zero",
    .EOVERFLOW: "the range wraps", .EBADFD: "a descriptor of another kind",
    .EMSGSIZE: "the array is too small", .EOPNOTSUPP: "this host or IOMMU does not do that",
    .EADDRINUSE: "the addresses are reserved or taken", .ETIMEDOUT: "timed out",
  ]
}
