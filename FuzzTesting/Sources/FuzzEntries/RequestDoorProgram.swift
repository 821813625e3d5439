import HostABI
import Hardware
import IOMMU
import SoftHost

/// A program whose calls an input describes, one byte each and what they take.
///
/// Structures are lists of words: see ``words(_:_:)``.
struct RequestDoorProgram {
  /// What the program has before its first call.
  enum Setup: UInt8 {
    /// Nothing.
    case nothing
    /// A context, and `vfio0` attached to a nesting parent over the first pages.
    case vtd
    /// A context, and `vfio6` attached to a nesting parent over the first pages.
    case smmu
    /// A context, and a mock device.
    case mock
  }

  let host: SoftwareHost
  let process: SoftProcess
  /// Where the program's 64 pages are: structures in the first, then what requests point to.
  let base: UInt64
  static let pages = 64
  private static let paths =
    ["/dev/iommu"] + (0..<8).map { "/dev/vfio/devices/vfio\($0)" }
    + (10..<17).map { "/dev/vfio/\($0)" }

  init?(_ host: SoftwareHost, _ credentials: Credentials) {
    self.host = host
    process = host.makeProcess(credentials)
    guard let base = try? process.allocate(Self.pages << 12, [.read, .write]) else { return nil }
    self.base = base
  }

  mutating func setUp(_ setup: Setup) {
    guard setup != .nothing else { return }
    // The context is 3, the device 4; objects are the device 1, the IOAS 2 and the table 3.
    _ = try? process.open(Self.paths[0])
    if setup == .mock {
      request(3, 0x3B81, [12])
      request(3, 0x3BA0, [72, 2, 1])
      return
    }
    let device = setup == .vtd ? 0 : 6
    _ = try? process.open(Self.paths[1 + device])
    request(4, 0x3B76, [24, 0, 3])
    request(3, 0x3B81, [12])
    // 16 pages from the second on, at 0.
    let start = base + 4096
    request(
      3, 0x3B85, [40, 7, 2, 0, UInt32(truncatingIfNeeded: start), UInt32(start >> 32), 16 << 12])
    request(3, 0x3B89, [48, setup == .vtd ? 9 : 1, 1, 2])
    request(4, 0x3B77, [16, 0, 3])
    // Bus mastering and memory decode, as VMMs turn on.
    _ = try? process.store([6, 0], base)
    _ = try? process.pwrite(4, base, 2, at: 7 << 40 + 4)
  }

  private func request(_ descriptor: Int32, _ number: UInt32, _ words: [UInt32]) {
    store(words + [UInt32](repeating: 0, count: 20), at: base)
    _ = try? process.ioctl(descriptor, number, base)
  }

  private func store(_ words: [UInt32], at address: UInt64) {
    let bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    _ = try? process.store(bytes, address)
  }

  /// Closes every descriptor that the program can have.
  func closeAll() {
    // One call opens two descriptors at most.
    for descriptor in Int32(0)..<512 { try? process.close(descriptor) }
  }

  /// Carries out one call.
  mutating func step(_ feed: inout ByteFeed) {
    let kind = feed.byte()
    switch kind & 31 {
    case 0: _ = try? process.open(Self.paths[Int(feed.byte()) % Self.paths.count])
    case 1: try? process.close(descriptor(&feed))
    case 2: _ = try? process.duplicate(descriptor(&feed))
    case 3...9: known(0x3B80 + UInt32(feed.byte()) % 21, kind, &feed)
    case 10, 11: known(0x3B64 + UInt32(feed.byte()) % 24, kind, &feed)
    case 12, 13: known(0x3BA0, kind, &feed)
    case 14:
      let target = descriptor(&feed)
      _ = try? process.ioctl(target, feed.integer(), place(&feed))
    case 15:
      _ = try? process.read(descriptor(&feed), place(&feed), Int(feed.integer(Int16.self)))
    case 16:
      _ = try? process.write(descriptor(&feed), place(&feed), Int(feed.integer(Int16.self)))
    case 17, 18: access(isWrite: kind & 31 == 18, &feed)
    case 19: _ = try? process.poll(descriptor(&feed))
    case 20...22: transfer(kind, &feed)
    case 23: pageRequest(kind, &feed)
    case 24, 25:
      let place = place(&feed)
      store(words(Int(kind >> 5) + 1, &feed), at: place)
    case 26: changePages(kind >> 5, &feed)
    case 27: _ = try? process.makeEventCounter()
    case 28: _ = try? process.makeMemoryFile(Int(feed.integer(UInt16.self)))
    case 29:
      _ = try? process.map(
        descriptor(&feed), offset: UInt64(feed.byte()) << 12, Int(feed.byte()) << 10,
        [.read, .write])
    case 30: _ = endpoint(&feed).takeResponses()
    default: _ = try? process.load(place(&feed), Int(feed.integer(UInt16.self)))
    }
  }

  // MARK: What calls take

  private func descriptor(_ feed: inout ByteFeed) -> Int32 {
    Int32(Int8(truncatingIfNeeded: Int(feed.byte())))
  }

  private func endpoint(_ feed: inout ByteFeed) -> Endpoint {
    host.endpoints[Int(feed.byte()) % host.endpoints.count]
  }

  /// An address, mostly in the program's pages.
  private func place(_ feed: inout ByteFeed) -> UInt64 {
    let page = feed.byte()
    guard page < 0xF0 else { return feed.integer() }
    return base &+ UInt64(page) << 10
  }

  /// Words of structures, each from a byte on: up to 0xBF a number; then an address of a quarter of
  /// a page of the program's, a power of two, a literal of four or eight bytes, or a border.
  private func words(_ most: Int, _ feed: inout ByteFeed) -> [UInt32] {
    var words: [UInt32] = []
    func wide(_ value: UInt64) {
      words.append(UInt32(truncatingIfNeeded: value))
      words.append(UInt32(truncatingIfNeeded: value >> 32))
    }
    for _ in 0..<most {
      let token = feed.byte()
      switch token {
      case 0xC0: wide(base &+ UInt64(feed.byte()) << 10)
      case 0xC1: wide(1 << UInt64(feed.byte() & 63))
      case 0xC2: wide(UInt64(feed.byte()) << 12)
      case 0xC3: words.append(feed.integer())
      case 0xC4: wide(feed.integer())
      case 0xC5: wide(.max)
      case 0xC6: wide(.max &- UInt64(feed.byte()))
      case 0xC7: wide(0xFEE0_0000)
      case 0xC8: words.append(.max)
      case 0xC9: words.append(1 << UInt32(feed.byte() & 31))
      case 0xCA: wide(UInt64(feed.byte()))
      case 0xCB: wide(0x100_0000 &+ UInt64(feed.byte()) << 11)
      // Entries of tables and descriptors.
      case 0xCC: wide(UInt64(feed.byte()) << 12 | 7)
      case 0xCD: wide(UInt64(feed.byte()) << 12 | 0x443)
      default: words.append(UInt32(token))
      }
    }
    return words
  }

  /// A request with a number that there is, and a structure of any words.
  private func known(_ number: UInt32, _ kind: UInt8, _ feed: inout ByteFeed) {
    let target = descriptor(&feed)
    let count = feed.byte()
    var words = words(Int(count & 31), &feed)
    let size = IOMMUFDRequest(rawValue: number & 0xFF).map { UInt32($0.sizes.full) }
    // Its right size unless the structure brings its own.
    if count & 0x80 == 0 { words.insert(size ?? 72, at: 0) }
    store(words + [UInt32](repeating: 0, count: 20), at: base)
    _ = try? process.ioctl(target, number, count & 0x40 == 0 ? base : base &+ UInt64(kind))
  }

  /// A region of a device, or a file, at an offset.
  private func access(isWrite: Bool, _ feed: inout ByteFeed) {
    let target = descriptor(&feed)
    let place = place(&feed)
    let region = UInt64(feed.byte())
    let offset = region << 40 &+ UInt64(feed.integer(UInt16.self))
    let count = Int(feed.byte())
    if isWrite {
      _ = try? process.pwrite(target, place, count, at: region == 0xFF ? feed.integer() : offset)
    } else {
      _ = try? process.pread(target, place, count, at: region == 0xFF ? feed.integer() : offset)
    }
  }

  private func changePages(_ how: UInt8, _ feed: inout ByteFeed) {
    let page = UInt64(feed.byte()) % UInt64(Self.pages)
    let count = Int(feed.byte() & 7) << 12
    // The first page stays: structures lie there.
    let address = base &+ max(page, 1) << 12
    switch how & 3 {
    case 0: try? process.protect(address, count, [])
    case 1: try? process.protect(address, count, .read)
    case 2: try? process.release(address, count)
    default: try? process.protect(address, count, [.read, .write])
    }
  }

  // MARK: What devices do

  private func pasid(_ byte: UInt8) -> PASID? {
    byte == 0 ? nil : PASID(rawValue: byte < 0x80 ? UInt32(byte) : 1 << UInt32(byte & 31))
  }

  private func iova(_ feed: inout ByteFeed) -> IOVA {
    let page = feed.byte()
    guard page < 0xF0 else { return IOVA(feed.integer(UInt64.self)) }
    return IOVA(UInt64(page) << 10)
  }

  private func transfer(_ kind: UInt8, _ feed: inout ByteFeed) {
    let endpoint = endpoint(&feed)
    let pasid = pasid(feed.byte())
    let start = iova(&feed)
    let count = Int(feed.integer(UInt16.self) & 0x1FFF)
    let mode: DMAAccess = kind & 0x80 == 0 ? [] : .privileged
    var bytes = [UInt8](repeating: kind, count: count)
    let result: DMAResult
    switch kind & 31 {
    case 20:
      var span = bytes.mutableSpan
      result = endpoint.read(
        start, into: &span, pasid: pasid, kind & 0x40 == 0 ? mode : mode.union(.execute))
    case 21: result = endpoint.write(start, bytes.span, pasid: pasid, mode)
    default: result = endpoint.copy(count, from: start, to: iova(&feed), pasid: pasid)
    }
    switch result {
    case .done, .blocked: break
    case .unreachable(let done), .fault(_, let done):
      require((0..<max(count, 1)).contains(done), "more was moved than was asked for")
    }
  }

  private func pageRequest(_ kind: UInt8, _ feed: inout ByteFeed) {
    let endpoint = endpoint(&feed)
    let pasid = pasid(feed.byte())
    let address = iova(&feed)
    host.send(
      EndpointPageRequest(
        address, pasid: pasid, DMAAccess(rawValue: kind >> 4 & 0xF),
        group: UInt16(feed.byte()) << 1, isLast: feed.byte() & 1 == 0), from: endpoint)
  }
}
