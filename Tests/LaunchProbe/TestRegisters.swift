import HostLab
import HostSystem
import Synchronization

#if os(Linux)
  /// A device with 2 KiB of registers that are like memory; behind them one that counts its reads,
  /// one that refuses all accesses, and a portal that takes every second command.
  final class TestRegisters: MappedDevices {
    private struct State {
      var bytes = [UInt8](repeating: 0, count: 0x800)
      var reads: UInt64 = 0
      var commands = 0
    }

    private let file: FileIdentity
    private let state = Mutex(State())

    init(_ file: FileIdentity) { self.file = file }

    func device(of file: FileIdentity) -> Int? { file == self.file ? 3 : nil }

    func load(device: Int, fileOffset: UInt64, byteCount: Int) -> UInt64? {
      let offset = Int(fileOffset - 0x1000)
      return state.withLock { state in
        if offset == 0x800 {
          state.reads += 1
          return state.reads
        }
        guard offset + byteCount <= state.bytes.count else { return nil }
        return state.bytes[offset..<offset + byteCount].reversed()
          .reduce(0) { $0 << 8 | UInt64($1) }
      }
    }

    func store(_ value: UInt64, device: Int, fileOffset: UInt64, byteCount: Int) -> Bool {
      let offset = Int(fileOffset - 0x1000)
      return state.withLock { state in
        guard offset + byteCount <= state.bytes.count else { return false }
        for index in 0..<byteCount {
          state.bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
        }
        return true
      }
    }

    func store(block: [UInt8], device: Int, fileOffset: UInt64, waits: Bool) -> Bool {
      let offset = Int(fileOffset - 0x1000)
      return state.withLock { state in
        guard offset >= 0x800 else {
          state.bytes.replaceSubrange(offset..<offset + block.count, with: block)
          return !waits
        }
        state.commands += 1
        return state.commands % 2 == 1
      }
    }
  }
#endif
