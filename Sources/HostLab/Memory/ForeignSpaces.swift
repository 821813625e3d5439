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

  /// Whose memory a space is.
  private struct Owner: Sendable {
    /// Below zero for nobody.
    var process: Int32
    /// Its open `/proc/PID/maps`, which knows when the process ends or becomes another program.
    var maps: Int32?

    static let nobody = Self(process: -1)
  }

  /// Owners by space, from 2.
  private let owners = Mutex<[Owner?]>([nil, .nobody])

  /// A space for a process.
  ///
  /// - Parameters:
  ///   - process: Its number.
  ///   - maps: Its memory's list, which stays open as long as the space is not given back.
  /// - Returns: The space; `nil` when all are taken.
  func open(_ process: Int32, maps: Int32?) -> Int? {
    owners.withLock { owners in
      let owner = Owner(process: process, maps: maps)
      if let free = owners.indices.dropFirst(2).first(where: { owners[$0] == nil }) {
        owners[free] = owner
        return free
      }
      guard owners.count < 1024 else { return nil }
      owners.append(owner)
      return owners.count - 1
    }
  }

  /// Empties a space.
  ///
  /// Its number is not given again while page tables may lead there.
  func empty(_ space: Int) { owners.withLock { $0[space] = .nobody } }

  /// Gives a space back that no page table leads to any more.
  func close(_ space: Int) { owners.withLock { $0[space] = nil } }

  /// The process whose memory an address is in, if that is still the memory that was meant.
  private func process(_ address: HostAddress) -> Int32? {
    let owner = owners.withLock { owners in
      address.space < owners.count ? owners[address.space] : nil
    }
    guard let owner, owner.process > 0 else { return nil }
    // Another program may have the process's addresses by now, or another process its number.
    if let maps = owner.maps, OtherProcess.isReplaced(maps) { return nil }
    return owner.process
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
