import HostABI
import HostSystem

/// Descriptors by way of the host's numbers for open files.
final class NumberedFiles: CallerFiles {
  private unowned let host: HostState
  private let descriptors: any ForeignDescriptors

  init(_ host: HostState, _ descriptors: any ForeignDescriptors) {
    self.host = host
    self.descriptors = descriptors
  }

  func file(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile {
    switch try descriptors.resolve(descriptor) {
    case .file(let number): try host.file(number)
    case .event(let sink): OpenFile(.event(sink))
    case .memory(let memory, let byteCount):
      OpenFile(.memory(MemoryFile(memory, byteCount: byteCount)))
    case .other: OpenFile(.other)
    }
  }

  func add(_ file: OpenFile) throws(LinuxErrno) -> Int32 {
    guard let role = file.role else { throw .EINVAL }
    host.lastFileNumber += 1
    let number = host.lastFileNumber
    let descriptor = try descriptors.install(number, role)
    host.numberedFiles[number] = file
    switch file.kind {
    case .context(let context): context.file = descriptors.mappableFile(number)
    case .device(let device): device.mappableFile = descriptors.mappableFile(number)
    case .faults(let queue):
      queue.onDelivery = { [descriptors] in descriptors.becameReadable(number) }
    case .events(let queue):
      queue.onDelivery = { [descriptors] in descriptors.becameReadable(number) }
    default: break
    }
    return descriptor
  }

  func addAgain(_ file: OpenFile) throws(LinuxErrno) -> Int32 {
    guard let number = host.numberedFiles.first(where: { $0.value === file })?.key else {
      let descriptor = try add(file)
      file.holders += 1
      return descriptor
    }
    // The real file counts its openings, and is the one holder here.
    return try descriptors.installAgain(number)
  }

  func remove(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile {
    guard case .file(let number) = try descriptors.resolve(descriptor) else { throw .EBADF }
    let file = try host.file(number)
    host.numberedFiles[number] = nil
    descriptors.uninstall(descriptor)
    return file
  }
}

extension OpenFile {
  /// What whoever gives it a descriptor needs to know; `nil` for files that the host only uses.
  fileprivate var role: FileRole? {
    switch kind {
    case .context: .context
    case .device(let file): .device(file.node.index)
    case .group(let group): .group(group.number)
    case .faults: .faults
    case .events: .events
    case .access: .access
    case .buffer(let buffer): .buffer(byteCount: buffer.memory.byteCount)
    case .counter, .event, .memory, .other: nil
    }
  }
}
