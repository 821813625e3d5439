public import HostABI

/// An open VFIO device that no context has yet: nothing but binding can be asked of it.
public struct VFIODevice: ~Copyable, Sendable {
  private let file: OpenFile

  /// Opens a device by its node.
  ///
  /// - Parameters:
  ///   - path: The node, such as `/dev/vfio/devices/vfio0`; the directory `vfio-dev` below the
  ///     device in sysfs says which.
  ///   - kernel: The kernel that answers.
  /// - Throws: ``IOMMUError`` with `ENOENT` when vfio-pci does not have the device.
  public init(path: String, on kernel: any HostKernel) throws(IOMMUError) {
    file = try OpenFile(path, on: kernel)
  }

  /// Takes charge of a device that someone else has opened.
  ///
  /// - Parameters:
  ///   - descriptor: The open device, not bound; this object closes it.
  ///   - path: How errors call it.
  ///   - kernel: The kernel that it is open in.
  public init(adopting descriptor: Int32, path: String, on kernel: any HostKernel) {
    file = OpenFile(adopting: descriptor, path, on: kernel)
  }

  /// Gives the device to a context (`VFIO_DEVICE_BIND_IOMMUFD`).
  ///
  /// The kernel resets the device, and its DMA is blocked until a table is attached. When it fails
  /// the device is closed.
  ///
  /// - Parameters:
  ///   - context: The context, of the same kernel.
  ///   - token: The 16 bytes that guard virtual functions whose physical function is in VFIO's
  ///     hands too.
  /// - Returns: The device, ready for tables.
  /// - Throws: ``IOMMUError``: `EBUSY` when the group's legacy node is open, `EPERM` without
  ///   isolated interrupts or when a sibling in the group is taken, `EINVAL` when the device is
  ///   open elsewhere, `EACCES` for a wrong token.
  public consuming func bind(
    to context: IOMMUContext, token: [UInt8]? = nil
  ) throws(IOMMUError) -> BoundDevice {
    let file = self.file
    let name = IOMMUObject.device(path: file.path, id: nil)
    guard context.kernel === file.kernel else {
      throw IOMMUError(.device(.bindIOMMUFD), refused: .otherContext, [name])
    }
    guard let token else {
      return BoundDevice(try Self.bind(file, context, token: nil), file, context)
    }
    guard token.count == 16 else {
      throw IOMMUError(.device(.bindIOMMUFD), refused: .token(token.count), [name])
    }
    let id = try context.scratch.with(16) { (scratch) throws(IOMMUError) in
      try scratch.store(token)
      return try Self.bind(file, context, token: scratch.address)
    }
    return BoundDevice(id, file, context)
  }

  private static func bind(
    _ file: OpenFile, _ context: IOMMUContext, token: UInt64?
  ) throws(IOMMUError) -> UInt32 {
    var argument = BindArgument()
    argument.flags = token == nil ? 0 : 1
    argument.iommufd = context.descriptor
    argument.tokenAddress = token ?? 0
    do throws(LinuxErrno) {
      _ = try file.kernel.perform(
        VFIODeviceRequest.bindIOMMUFD.number, on: file.descriptor, &argument)
    } catch {
      throw IOMMUError(
        .device(.bindIOMMUFD), error, [.device(path: file.path, id: nil)],
        token == nil ? [] : .token)
    }
    return argument.outDeviceID
  }
}
