import HostABI
import LinuxHost
import Testing

#if os(Linux)
  /// What can be asked of any Linux, with or without an IOMMU.
  @Suite("The real kernel behind the seam")
  struct LinuxKernelTests {
    let kernel = LinuxKernel()
    let page = 65536

    /// Runs a body with fresh pages.
    func withPages(
      _ protection: MemoryProtection = [.read, .write], _ body: (UInt64) throws -> Void
    ) throws {
      let address = try kernel.allocate(page, protection)
      defer { try? kernel.release(address, page) }
      try body(address)
    }

    /// Runs a body with a memfd of one page.
    func withFile(_ body: (Int32) throws -> Void) throws {
      let file = try kernel.makeMemoryFile(page)
      defer { try? kernel.close(file) }
      try body(file)
    }

    @Test("a node that is not there is ENOENT")
    func missingNode() {
      #expect(throws: LinuxErrno.ENOENT) { try kernel.open("/dev/no-such-node") }
      #expect(throws: LinuxErrno.EINVAL) { try kernel.open("/dev/null\0x") }
    }

    @Test("a request on a file that knows none is ENOTTY", arguments: IOMMUFDRequest.allCases)
    func wrongFile(request: IOMMUFDRequest) throws {
      try withFile { file throws in
        #expect(throws: LinuxErrno.ENOTTY) { try kernel.ioctl(file, request.number, 0) }
        var argument = DestroyArgument()
        #expect(throws: LinuxErrno.ENOTTY) {
          try kernel.perform(request.number, on: file, &argument)
        }
        #expect(argument.size == 8)
      }
    }

    @Test("a request fills in a structure where it stands, and at an address")
    func request() throws {
      /// `FIONREAD` writes how many bytes wait in a pipe or file.
      struct Count: WireStructure {
        var value: UInt32 = 77
        var beside: UInt32 = 88
      }
      try withFile { file throws in
        var count = Count()
        #expect(try kernel.perform(0x541B, on: file, &count) == 0)
        #expect(count.value == 65536 && count.beside == 88)
        try withPages { address throws in
          #expect(try kernel.ioctl(file, 0x541B, address) == 0)
          #expect(try kernel.load(address, 8) == [0, 0, 1, 0, 0, 0, 0, 0])
        }
        #expect(throws: LinuxErrno.EFAULT) { try kernel.ioctl(file, 0x541B, 8) }
      }
    }

    @Test("a descriptor that is not open is EBADF")
    func closed() throws {
      let file = try kernel.makeMemoryFile(page)
      try kernel.close(file)
      #expect(throws: LinuxErrno.EBADF) { try kernel.close(-1) }
      #expect(throws: LinuxErrno.EBADF) { try kernel.duplicate(-1) }
      #expect(throws: LinuxErrno.EBADF) { try kernel.read(-1, 0, 1) }
      #expect(throws: LinuxErrno.EBADF) { try kernel.ioctl(-1, 0x3B80, 0) }
      #expect(throws: LinuxErrno.EBADF) { try kernel.map(-1, offset: 0, page, .read) }
      #expect(throws: LinuxErrno.EBADF) { try kernel.poll(1 << 20) }
    }

    @Test("files are written, read, mapped shared, and shared by duplicates")
    func files() throws {
      try withFile { file throws in
        try withPages { address throws in
          try kernel.store([1, 2, 3, 4], address)
          #expect(try kernel.write(file, address, 4) == 4)
          #expect(try kernel.pwrite(file, address + 1, 2, at: 100) == 2)
          #expect(try kernel.pread(file, address + 16, 4, at: 99) == 4)
          #expect(try kernel.load(address + 16, 4) == [0, 2, 3, 0])

          let twin = try kernel.duplicate(file)
          defer { try? kernel.close(twin) }
          // The offset after the write is shared too.
          #expect(try kernel.read(twin, address + 32, 1000) == 1000)
          #expect(try kernel.load(address + 32 + 96, 2) == [2, 3])

          let view = try kernel.map(file, offset: 0, page, [.read, .write])
          defer { try? kernel.release(view, page) }
          #expect(try kernel.load(view, 4) == [1, 2, 3, 4])
          try kernel.store([9], view + 2)
          #expect(try kernel.pread(twin, address, 4, at: 0) == 4)
          #expect(try kernel.load(address, 4) == [1, 2, 9, 4])
        }
      }
    }

    @Test("an eventfd never blocks, and says when it can be read")
    func eventCounter() throws {
      let counter = try kernel.makeEventCounter()
      defer { try? kernel.close(counter) }
      try withPages { address throws in
        #expect(throws: LinuxErrno.EAGAIN) { try kernel.read(counter, address, 8) }
        #expect(try kernel.poll(counter) == .writable)
        try kernel.store([5, 0, 0, 0, 0, 0, 0, 0], address)
        #expect(try kernel.write(counter, address, 8) == 8)
        #expect(try kernel.poll(counter) == [.readable, .writable])
        #expect(try kernel.read(counter, address + 8, 8) == 8)
        #expect(try kernel.load(address + 8, 1) == [5])
      }
    }

    @Test("reading at an offset of a file without offsets is ESPIPE")
    func noOffsets() throws {
      let counter = try kernel.makeEventCounter()
      defer { try? kernel.close(counter) }
      try withPages { address throws in
        #expect(throws: LinuxErrno.ESPIPE) { try kernel.pread(counter, address, 8, at: 0) }
      }
    }

    @Test(
      "an address that nothing backs is EFAULT",
      arguments: [0, 1, 0xFFF, 0x8000_0000_0000, UInt64.max - 3, 0xFFFF_8000_0000_0000])
    func badAddress(address: UInt64) throws {
      #expect(throws: LinuxErrno.EFAULT) { try kernel.load(address, 8) }
      #expect(throws: LinuxErrno.EFAULT) { try kernel.load(address, Int.max) }
      #expect(throws: LinuxErrno.EFAULT) { try kernel.store([1, 2, 3, 4], address) }
      try withFile { file throws in
        #expect(throws: LinuxErrno.EFAULT) { try kernel.pread(file, address, 8, at: 0) }
      }
    }

    @Test("protection decides what load and store answer")
    func protection() throws {
      try withPages { address throws in
        try kernel.store([7], address)
        try kernel.protect(address, page, .read)
        #expect(try kernel.load(address, 1) == [7])
        #expect(throws: LinuxErrno.EFAULT) { try kernel.store([8], address) }
        try kernel.protect(address, page, [])
        #expect(throws: LinuxErrno.EFAULT) { try kernel.load(address, 1) }
        try kernel.protect(address, page, [.read, .write])
        #expect(try kernel.load(address, 2) == [7, 0])
      }
    }

    @Test("pages that one process may not read of another are read as the processor would")
    func writeOnly() throws {
      try withPages { address throws in
        try kernel.store([7], address)
        try kernel.protect(address, page, .write)
        #expect(try kernel.load(address, 2) == [7, 0])
        try kernel.store([9], address + 1)
        #expect(try kernel.load(address, 2) == [7, 9])
      }
    }

    @Test("a range that runs off its pages is EFAULT, however large")
    func runsOff() throws {
      let address = try kernel.allocate(2 * page, [.read, .write])
      // A page given back could be another thread's at once; this one stays, out of reach.
      try kernel.protect(address + UInt64(page), page, [])
      defer { try? kernel.release(address, 2 * page) }
      #expect(try kernel.load(address, page).count == page)
      #expect(throws: LinuxErrno.EFAULT) { try kernel.load(address, page + 1) }
      #expect(throws: LinuxErrno.EFAULT) { try kernel.load(address, Int.max) }
      #expect(throws: LinuxErrno.EFAULT) {
        try kernel.store([1, 2], address + UInt64(page) - 1)
      }
    }

    @Test("large ranges come whole")
    func large() throws {
      let byteCount = 5 << 20
      let address = try kernel.allocate(byteCount, [.read, .write])
      defer { try? kernel.release(address, byteCount) }
      let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ ($0 >> 12)) }
      try kernel.store(bytes, address)
      #expect(try kernel.load(address, byteCount) == bytes)
    }

    @Test("sizes below zero and of nothing are refused")
    func sizes() throws {
      try withPages { address throws in
        #expect(throws: LinuxErrno.EINVAL) { try kernel.load(address, -1) }
        #expect(try kernel.load(address, 0).isEmpty)
        #expect(throws: LinuxErrno.EINVAL) { try kernel.allocate(0, .read) }
        #expect(throws: LinuxErrno.EINVAL) { try kernel.allocate(-1, .read) }
        #expect(throws: LinuxErrno.EINVAL) { try kernel.protect(address, -1, .read) }
        #expect(throws: LinuxErrno.EINVAL) { try kernel.makeMemoryFile(-1) }
        try withFile { file throws in
          #expect(throws: LinuxErrno.EINVAL) { try kernel.read(file, address, -1) }
        }
      }
    }
  }
#endif
