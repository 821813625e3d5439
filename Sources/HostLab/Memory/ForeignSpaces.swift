import HostSystem
import Hardware
import IOMMU
import Synchronization

/// Memory of programs that is not mapped here: each program has a numbered space.
///
/// A program that ends or replaces itself leaves its space empty: DMA finds nothing there then.
final class ForeignSpaces: ForeignMemory {
  /// A space in which nobody answers.
  static let nobody = 1
  /// Process numbers by space, from 2.
  private let processes = Mutex<[Int32?]>([nil, -1])

  /// A space for a process; `nil` when all are taken.
  func open(_ process: Int32) -> Int? {
    processes.withLock { processes in
      if let free = processes.indices.dropFirst(2).first(where: { processes[$0] == nil }) {
        processes[free] = process
        return free
      }
      guard processes.count < 1024 else { return nil }
      processes.append(process)
      return processes.count - 1
    }
  }

  /// Empties a space.
  ///
  /// Its number is not given again while page tables may lead there.
  func empty(_ space: Int) { processes.withLock { $0[space] = -1 } }

  /// Gives a space back that no page table leads to any more.
  func close(_ space: Int) { processes.withLock { $0[space] = nil } }

  private func process(_ address: HostAddress) -> Int32? {
    processes.withLock { processes in
      let space = address.space
      guard space < processes.count, let process = processes[space], process > 0 else { return nil }
      return process
    }
  }

  func load(at address: HostAddress) -> UInt64? {
    guard let process = process(address) else { return nil }
    return OtherProcess.word(process, at: address.address)
  }

  /// Not one step: between two looks the program may write.
  func compareExchange(
    at address: HostAddress, _ expected: UInt64, _ desired: UInt64
  ) -> Bool? {
    guard let process = process(address), let found = load(at: address) else { return nil }
    guard found == expected else { return false }
    return OtherProcess.store(desired, process, at: address.address) ? true : nil
  }

  func read(from address: HostAddress, into bytes: inout MutableSpan<UInt8>) -> Bool {
    guard let process = process(address) else { return false }
    let count = bytes.count
    return OtherProcess.read(process, address.address, into: &bytes) == count
  }

  func write(to address: HostAddress, from bytes: Span<UInt8>) -> Bool {
    guard let process = process(address) else { return false }
    return OtherProcess.write(process, bytes, to: address.address) == bytes.count
  }
}
