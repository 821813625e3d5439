#if os(Linux)
  /// A piece of another process's memory that shows a file.
  package struct MappedFile: Hashable, Sendable {
    package let file: FileIdentity
    /// First and last address.
    package let first: UInt64
    package let last: UInt64
    /// Where in the file the first address is.
    package let offset: UInt64
  }

  /// The memory map of another process, asked address by address.
  ///
  /// Nothing is remembered but an open descriptor: a program may change its map at any time.
  package struct ProcessMap: ~Copyable {
    private let process: Int32
    private let descriptor: Int32
    private var canAsk = true

    /// Opens the map of a process; it is of the program that the process runs at that time.
    package init(_ process: Int32) throws(CallFailure) {
      self.process = process
      descriptor = try Calls.open("/proc/\(process)/maps", flags: 0)
    }

    deinit { try? Calls.close(descriptor) }

    /// What is mapped at an address; `nil` for nothing, or for memory without a file.
    package mutating func mapping(at address: UInt64) -> MappedFile? {
      if canAsk {
        do throws(CallFailure) {
          return try ask(address)
        } catch {
          let noSuchRequest: Int32 = 25
          guard error.errno == noSuchRequest else { return nil }
          canAsk = false  // Linux before 6.11.
        }
      }
      return read(address)
    }

    /// `PROCMAP_QUERY`.
    private func ask(_ address: UInt64) throws(CallFailure) -> MappedFile? {
      guard let area = try OtherProcess.area(descriptor, at: address), let file = area.file,
        area.end > area.start
      else { return nil }
      return MappedFile(file: file, first: area.start, last: area.end - 1, offset: area.offset)
    }

    private func read(_ address: UInt64) -> MappedFile? {
      let bytes = (try? Calls.contents("/proc/\(process)/maps", limit: 1 << 26)) ?? []
      for line in bytes.split(separator: 10) {
        if let found = Self.parse(line), (found.first...found.last).contains(address) {
          return found.file.inode == 0 ? nil : found
        }
      }
      return nil
    }

    /// Reads `start-end perms offset major:minor inode path`.
    static func parse(_ line: ArraySlice<UInt8>) -> MappedFile? {
      let words = line.split(separator: 32, maxSplits: 5).map {
        String(decoding: $0, as: UTF8.self)
      }
      guard words.count >= 5 else { return nil }
      let ends = words[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
      let numbers = words[3].split(separator: ":").compactMap { UInt32($0, radix: 16) }
      guard ends.count == 2, ends[1] > ends[0], numbers.count == 2,
        let offset = UInt64(words[2], radix: 16), let inode = UInt64(words[4])
      else { return nil }
      return MappedFile(
        file: FileIdentity(major: numbers[0], minor: numbers[1], inode: inode), first: ends[0],
        last: ends[1] - 1, offset: offset)
    }
  }
#endif
