#if os(Linux) && arch(x86_64)
  internal import HostSystem

  /// A thread that stopped at an access to a device, as the machine on which it is carried out.
  struct TracedThread: InstructionMachine {
    var registers: GeneralRegisters
    let thread: Int32
    private let devices: any MappedDevices
    private let firstTrappedOffset: UInt64
    private let find: (UInt64) -> MappedFile?
    /// All numbers of `struct user_regs_struct`.
    private var words: [UInt64]
    private var lastFound: MappedFile?
    private var state: [UInt8]?

    /// Places in `struct user_regs_struct`, in the order in which instructions number registers.
    private static let places = [10, 11, 12, 5, 19, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0]
    private enum Place {
      static let instruction = 16
      static let codeSegment = 17
      static let flags = 18
      static let fsBase = 21
      static let gsBase = 22
    }

    /// Reads the registers of a stopped thread.
    init(
      _ thread: Int32, devices: any MappedDevices, firstTrappedOffset: UInt64,
      find: @escaping (UInt64) -> MappedFile?
    ) throws(CallFailure) {
      self.thread = thread
      self.devices = devices
      self.firstTrappedOffset = firstTrappedOffset
      self.find = find
      words = try Calls.registers(thread)
      registers = GeneralRegisters()
      for (number, place) in Self.places.enumerated() { registers[number] = words[place] }
      registers.instruction = words[Place.instruction]
      registers.flags = words[Place.flags]
      registers.fsBase = words[Place.fsBase]
      registers.gsBase = words[Place.gsBase]
    }

    /// Whether the thread runs 64-bit code.
    var is64Bit: Bool { words[Place.codeSegment] == 0x33 }

    /// The bytes at the instruction pointer, as many as can be read up to 15.
    func instructionBytes() -> [UInt8] {
      let start = registers.instruction
      if let bytes = try? Calls.readTraced(thread, start, 15) { return bytes }
      let inPage = 4096 - Int(start & 4095)
      return (try? Calls.readTraced(thread, start, min(15, inPage))) ?? []
    }

    /// Writes the registers back.
    mutating func commit() throws(CallFailure) {
      for (number, place) in Self.places.enumerated() { words[place] = registers[number] }
      words[Place.instruction] = registers.instruction
      words[Place.flags] = registers.flags
      try Calls.setRegisters(thread, words)
    }

    /// Which device's trapped registers an address belongs to.
    mutating func device(
      at address: UInt64, _ byteCount: Int
    ) throws(AccessProblem) -> (number: Int, offset: UInt64)? {
      let found: MappedFile
      if let last = lastFound, last.first <= address, address <= last.last {
        found = last
      } else {
        guard let asked = find(address) else { return nil }
        found = asked
        lastFound = asked
      }
      guard let number = devices.device(of: found.file) else { return nil }
      let offset = found.offset &+ (address &- found.first)
      guard offset >= firstTrappedOffset else { return nil }
      guard UInt64(byteCount - 1) <= found.last - address else { throw .bus }
      return (number, offset)
    }

    mutating func load(_ address: UInt64, _ byteCount: Int) throws(AccessProblem) -> UInt64 {
      if let place = try device(at: address, byteCount) {
        let value = devices.load(
          device: place.number, fileOffset: place.offset, byteCount: byteCount)
        guard let value else { throw .bus }
        return value & GeneralRegisters.mask(byteCount)
      }
      guard let bytes = try? Calls.readTraced(thread, address, byteCount) else { throw .address }
      return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func store(
      _ value: UInt64, _ address: UInt64, _ byteCount: Int
    ) throws(AccessProblem) {
      if let place = try device(at: address, byteCount) {
        let isDone = devices.store(
          value, device: place.number, fileOffset: place.offset, byteCount: byteCount)
        guard isDone else { throw .bus }
        return
      }
      let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
      try write(bytes, address)
    }

    mutating func store(
      block: [UInt8], _ address: UInt64, waits: Bool
    ) throws(AccessProblem) -> Bool {
      if let place = try device(at: address, block.count) {
        return devices.store(
          block: block, device: place.number, fileOffset: place.offset, waits: waits)
      }
      // Memory takes no enqueued command: the processor answers retry.
      guard !waits else { return false }
      try write(block, address)
      return true
    }

    private func write(_ bytes: [UInt8], _ address: UInt64) throws(AccessProblem) {
      do {
        try Calls.writeTraced(thread, address, bytes)
      } catch {
        throw .address
      }
    }

    mutating func vector(_ number: Int) throws(AccessProblem) -> [UInt8] {
      let state = try extendedState()
      var bytes: [UInt8] = []
      for piece in VectorPlace.pieces(of: number) {
        let isThere = piece.offset > 0 && piece.offset + piece.byteCount <= state.count
        bytes +=
          isThere
          ? Array(state[piece.offset..<piece.offset + piece.byteCount])
          : [UInt8](repeating: 0, count: piece.byteCount)
      }
      return bytes
    }

    mutating func mask(_ number: Int) throws(AccessProblem) -> UInt64 {
      let state = try extendedState()
      let start = VectorPlace.masks
      guard start > 0, start + 64 <= state.count, (0..<8).contains(number) else {
        throw .thread
      }
      return state[start + number * 8..<start + number * 8 + 8].reversed()
        .reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func setVector(_ number: Int, _ bytes: [UInt8]) throws(AccessProblem) {
      var state = try extendedState()
      var position = 0
      for piece in VectorPlace.pieces(of: number) {
        defer { position += piece.byteCount }
        guard piece.offset > 0, piece.offset + piece.byteCount <= state.count else { continue }
        let new = bytes[position..<position + piece.byteCount]
        guard Array(new) != Array(state[piece.offset..<piece.offset + piece.byteCount]) else {
          continue
        }
        state.replaceSubrange(piece.offset..<piece.offset + piece.byteCount, with: new)
        // The part is in use from now on.
        if state.count > 512 { state[512] |= 1 << UInt8(piece.component) }
      }
      self.state = state
      do {
        try Calls.setExtendedState(thread, state)
      } catch {
        throw .thread
      }
    }

    private mutating func extendedState() throws(AccessProblem) -> [UInt8] {
      if let state { return state }
      guard let state = try? Calls.extendedState(thread) else { throw .thread }
      self.state = state
      return state
    }
  }

  /// Where the pieces of a vector register lie in XSAVE's standard format.
  ///
  /// Intel's Software Developer's Manual, volume 1, 13.4.
  private enum VectorPlace {
    struct Piece {
      let component: Int
      let offset: Int
      let byteCount: Int
    }

    /// Where the mask registers begin.
    static let masks = Calls.extendedStateOffset(of: 5)
    private static let upperHalves = Calls.extendedStateOffset(of: 2)
    private static let upperOf512 = Calls.extendedStateOffset(of: 6)
    private static let highRegisters = Calls.extendedStateOffset(of: 7)

    /// Pieces in ascending order, 64 bytes together; offset 0 where the processor has none.
    static func pieces(of number: Int) -> [Piece] {
      func place(_ start: Int, _ step: Int, _ index: Int) -> Int {
        start == 0 ? 0 : start + step * index
      }
      guard number < 16 else {
        return [
          Piece(component: 7, offset: place(highRegisters, 64, number - 16), byteCount: 64)
        ]
      }
      return [
        Piece(component: 1, offset: 160 + 16 * number, byteCount: 16),
        Piece(component: 2, offset: place(upperHalves, 16, number), byteCount: 16),
        Piece(component: 6, offset: place(upperOf512, 32, number), byteCount: 32),
      ]
    }
  }
#endif
