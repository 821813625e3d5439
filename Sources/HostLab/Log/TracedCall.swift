package import HostABI

/// One system call of the supervised program, with its answer.
package struct TracedCall: Sendable {
  /// What was called.
  package enum Call: Sendable {
    /// A path was opened.
    case open(path: String)
    /// A descriptor was closed.
    case close
    /// A descriptor was duplicated; the new one.
    case duplicate(Int32)
    /// A request: the structure as the program passed it, and as it was afterwards, at most 256
    /// bytes each; empty when the program's memory cannot be read.
    case ioctl(request: UInt32, before: [UInt8], after: [UInt8])
    /// A read, with the first 64 bytes that came.
    case read(count: Int, offset: UInt64?, bytes: [UInt8])
    /// A write, with the first 64 bytes that went.
    case write(count: Int, offset: UInt64?, bytes: [UInt8])
    /// A part of the file was mapped.
    case map(offset: UInt64, byteCount: UInt64, writable: Bool)
  }

  /// Nanoseconds since the program's start.
  package var start: UInt64
  /// Nanoseconds from the trap to the answer.
  package var duration: UInt64
  /// Who called.
  package var process: Int32
  /// Which of its threads.
  package var thread: Int32
  /// The file that the call is on; `nil` for an open.
  package var file: TracedFile?
  /// The file that the call makes, or that a descriptor in its structure names: what `open` opened,
  /// the iommufd of a bind, the queue of an allocation.
  package var other: TracedFile?
  /// What was called.
  package var call: Call
  /// What the structure points to, as ``TracedAttachment`` asks for it.
  package var attached: [UInt8]
  /// The answer.
  package var result: Result<Int64, LinuxErrno>
  /// What the supervisor has to say of it, such as `injected by --fail HWPT_ALLOC`.
  package var note: String?

  /// Describes a call.
  package init(
    start: UInt64, duration: UInt64, process: Int32, thread: Int32, file: TracedFile?,
    other: TracedFile? = nil, call: Call, attached: [UInt8] = [],
    result: Result<Int64, LinuxErrno>, note: String? = nil
  ) {
    self.start = start
    self.duration = duration
    self.process = process
    self.thread = thread
    self.file = file
    self.other = other
    self.call = call
    self.attached = attached
    self.result = result
    self.note = note
  }
}
