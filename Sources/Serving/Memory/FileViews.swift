import HostABI
import HostSystem
import Synchronization
import SystemPackage
import VFIOUser

/// A client's file, or a part of it, mapped here.
final class FileView: Sendable {
  /// The file, which stays open for those who look for data in it.
  let file: ReceivedFile
  /// Bytes of the file, from its start or from where the part begins; whole pages of the file, of which
  /// the last may go beyond its end.
  let bytes: Range<UInt64>
  private let memory: AnonymousMemory
  private let budget: ViewBudget

  /// Maps bytes of a file.
  ///
  /// - Parameters:
  ///   - file: The file.
  ///   - bytes: Which of its bytes; whole pages of the file.
  ///   - isWritable: Whether they may be written.
  ///   - pageSize: The size of the file's pages.
  ///   - budget: What the client may have mapped.
  /// - Throws: `ENOSPC` when the budget is spent, or nobody could be told that the file shrinks; the
  ///   errno of the mapping.
  fileprivate init(
    _ file: ReceivedFile, _ bytes: Range<UInt64>, isWritable: Bool, pageSize: UInt64,
    _ budget: ViewBudget
  ) throws(UserRefusal) {
    let byteCount = bytes.upperBound - bytes.lowerBound
    guard budget.take(byteCount) else {
      throw UserRefusal(
        .ENOSPC,
        "a client has at most \(ServedMemory.fileLimit) files and "
          + "\(ServedMemory.byteLimit >> 40) TiB mapped")
    }
    let memory: AnonymousMemory
    do {
      // Whoever made the file says how many huge pages it is to have; more is mapped here than it has.
      memory = try AnonymousMemory(
        mapping: file.descriptor, at: bytes.lowerBound, byteCount: Int(byteCount),
        isWritable: isWritable, reservesPages: false)
    } catch {
      budget.giveBack(byteCount)
      throw UserRefusal(LinuxErrno(rawValue: error.rawValue))
    }
    // The client may make its file smaller at any time.
    guard ShrinkingMemory.guardAgainst(memory, pageSize: pageSize) else {
      budget.giveBack(byteCount)
      throw UserRefusal(.ENOSPC, "no more files can be guarded against growing shorter")
    }
    self.file = file
    self.bytes = bytes
    self.memory = memory
    self.budget = budget
  }

  deinit {
    ShrinkingMemory.forget(memory)
    budget.giveBack(bytes.upperBound - bytes.lowerBound)
  }

  /// Whether some of it is not the file any more, which was too short when it was touched.
  fileprivate var hasMissed: Bool { ShrinkingMemory.hasMissed(memory) }

  /// Where a byte of the file is.
  func address(of offset: UInt64) -> UInt64 { memory.address + (offset - bytes.lowerBound) }
}

/// How much one client may have mapped here: each view is a mapping of this process, and a descriptor.
final class ViewBudget: Sendable {
  private let used = Mutex<(count: Int, byteCount: UInt64)>((0, 0))

  fileprivate func take(_ byteCount: UInt64) -> Bool {
    used.withLock { used in
      guard used.count < ServedMemory.fileLimit, byteCount <= ServedMemory.byteLimit,
        used.byteCount <= ServedMemory.byteLimit - byteCount
      else { return false }
      used.count += 1
      used.byteCount += byteCount
      return true
    }
  }

  fileprivate func giveBack(_ byteCount: UInt64) {
    used.withLock { used in
      used.count -= 1
      used.byteCount -= byteCount
    }
  }
}

/// The files of a client that are mapped here, each once, however many of its parts the client maps.
///
/// A guest's IOMMU that is the VMM's own makes a mapping of each page, all of a few files: as many
/// descriptors and mappings of this process would soon be all that it can have.
struct FileViews: Sendable {
  private struct Key: Hashable {
    let file: FileIdentity
    let isWritable: Bool
  }

  private struct Weak: Sendable {
    weak var view: FileView?
  }

  private let budget = ViewBudget()
  /// The latest of each file; it lives as long as a mapping uses it.
  private var latest: [Key: Weak] = [:]

  /// A view that has some bytes of a file: the one that there is, or one of the whole file; of the
  /// bytes alone where the file is too large for that.
  ///
  /// - Parameters:
  ///   - file: The file, one in memory (``UserMapping/checkFile()``).
  ///   - bytes: Which of its bytes; whole pages of 4 KiB.
  ///   - isWritable: Whether they may be written.
  /// - Returns: The view.
  /// - Throws: `EINVAL` for a file that is too short; otherwise as ``FileView``.
  mutating func view(
    of file: ReceivedFile, _ bytes: Range<UInt64>, isWritable: Bool
  ) throws(UserRefusal) -> FileView {
    guard let facts = try? Calls.facts(of: file.descriptor), bytes.upperBound <= facts.byteCount
    else { throw UserRefusal(.EINVAL, "its file is too short") }
    let key = Key(file: facts.identity, isWritable: isWritable)
    // Huge pages are mapped and unmapped whole, wherever the range begins and the file ends.
    let pageSize = Calls.pageSize(of: file.descriptor)
    let (end, isTooLarge) = facts.byteCount.addingReportingOverflow(pageSize - 1)
    guard !isTooLarge else { throw UserRefusal(.EINVAL) }
    let whole = 0..<end & ~(pageSize - 1)
    // One of a file that has another size by now, or of which pages were replaced as the file was
    // shorter meanwhile, is left to those who use it.
    if let view = latest[key]?.view, view.bytes == whole, !view.hasMissed { return view }
    do throws(UserRefusal) {
      let view = try FileView(
        file, whole, isWritable: isWritable, pageSize: pageSize, budget)
      latest = latest.filter { $0.value.view != nil }
      latest[key] = Weak(view: view)
      return view
    } catch {
      let first = bytes.lowerBound & ~(pageSize - 1)
      let last = (bytes.upperBound + (pageSize - 1)) & ~(pageSize - 1)
      return try FileView(
        file, first..<last, isWritable: isWritable, pageSize: pageSize, budget)
    }
  }
}
