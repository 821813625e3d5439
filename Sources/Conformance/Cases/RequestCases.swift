import HostABI

/// The rules that every iommufd request shares.
extension ConformanceSuite {
  /// How each request answers a structure of zeros on an empty context.
  static let zeroAnswers: [(IOMMUFDRequest, LinuxErrno?)] = [
    (.destroy, .ENOENT), (.ioasAlloc, nil), (.ioasAllowIOVAs, .ENOENT), (.ioasCopy, .EINVAL),
    (.ioasIOVARanges, .ENOENT), (.ioasMap, .EINVAL), (.ioasUnmap, .ENOENT), (.option, nil),
    (.vfioIOAS, .ENODEV), (.hwptAlloc, .ENOENT), (.getHardwareInfo, .ENOENT),
    (.setDirtyTracking, .ENOENT), (.getDirtyBitmap, .ENOENT), (.hwptInvalidate, .ENOENT),
    (.faultQueueAlloc, nil), (.ioasMapFile, .EINVAL), (.viommuAlloc, .EOPNOTSUPP),
    (.vdeviceAlloc, .ENOENT), (.ioasChangeProcess, nil), (.veventqAlloc, .EOPNOTSUPP),
    (.hwQueueAlloc, .EOPNOTSUPP),
  ]

  static let requestSizes: [ConformanceCase] = zeroAnswers.map { request, expected in
    ConformanceCase(
      "sizes of \(request.name)", statements: [1, 2, 3, 4],
      // Zeros set the limit mode.
      needs: request == .option ? [.privileged] : []
    ) { b in
      let sizes = request.sizes
      // (size that is stated, bytes that are there, which byte is not zero, answer)
      let rows: [(size: Int, filled: Int?, expected: LinuxErrno?)] = [
        (0, nil, .EINVAL), (4, nil, .EINVAL), (sizes.minimum - 1, nil, .EINVAL),
        (sizes.minimum, nil, expected), (sizes.full, nil, expected),
        (sizes.full + 1, nil, expected), (sizes.full + 64, nil, expected),
        (sizes.full + 1, sizes.full, .E2BIG), (sizes.full + 64, sizes.full + 63, .E2BIG),
        (4096, 4095, .E2BIG), (4096, nil, expected),
      ]
      for row in rows {
        let c = try b.context()
        var bytes = UInt32(row.size).littleEndianBytes + [UInt8](repeating: 0, count: 4092)
        if let filled = row.filled { bytes[filled] = 1 }
        let answer = try c.raw(request.number, bytes)
        b.ends(answer.errno, row.expected, "size \(row.size), byte \(row.filled ?? 0) set")
        if request == .faultQueueAlloc, answer.errno == nil {
          b.adopt(answer.bytes.little(Int32.self, at: 12))
        }
        if answer.errno != nil {
          let untouched = answer.bytes == bytes || request == .hwptInvalidate
          b.holds(untouched, "size \(row.size): bytes changed although it failed")
        }
        try c.close()
      }
    }
  }

  static let requests: [ConformanceCase] = [
    ConformanceCase("a size below the minimum makes no object", 1) { b in
      let c = try b.context()
      b.fails(.EINVAL) {
        try c.send(.ioasAlloc, IOASAllocArgument.self) { $0.size = 11 }
      }
      b.equal(try c.ioas(), 1, "the first id")
    },
    ConformanceCase("a huge zero tail is no hindrance", 2) { b in
      let c = try b.context()
      let bytes = UInt32(65536).littleEndianBytes + [UInt8](repeating: 0, count: 65532)
      b.ends(try c.raw(IOMMUFDRequest.ioasAlloc.number, bytes).errno, nil, "64 KiB")
    },
    ConformanceCase("a tail that cannot be read fails EFAULT", 3) { b in
      let c = try b.context()
      let pages = try b.memory(8192)
      try b.kernel.protect(pages + 4096, 4096, [])
      try b.kernel.store(UInt32(64).littleEndianBytes, pages + 4096 - 12)
      b.ends(
        c.errno(IOMMUFDRequest.ioasAlloc.number, at: pages + 4096 - 12), .EFAULT, "a cut tail")
    },
    ConformanceCase("unknown numbers, type bytes, and direction or size bits fail ENOTTY", 5) { b in
      let c = try b.context()
      let argument = try b.stored(UInt32(64).littleEndianBytes + [UInt8](repeating: 0, count: 60))
      let numbers: [UInt32] = [
        0x3B95, 0x3B99, 0x3BA1, 0x3BFF, 0x3B00, 0x3B7F, 0x3B63, 0x3B67, 0x3B73, 0x3B75,
        0x0081, 0x3C81, 0x3A81, 0xFF81, 0x4000_3B81, 0x8000_3B81, 0xC000_3B81, 0x000C_3B81,
        0x0001_3B80, 0xFFFF_FFFF, 0,
      ]
      for number in numbers { b.ends(c.errno(number, at: argument), .ENOTTY, hex(number)) }
    },
    ConformanceCase("an argument that cannot be read fails EFAULT", 6) { b in
      let c = try b.context()
      let hole = try b.hole()
      for request in IOMMUFDRequest.allCases {
        b.ends(c.errno(request.number, at: 0), .EFAULT, "\(request.name) at 0")
        b.ends(c.errno(request.number, at: hole), .EFAULT, "\(request.name) at a hole")
        b.ends(
          c.errno(request.number, at: 0xFFFF_FFFF_FFFF_F000), .EFAULT, "\(request.name) at the top")
      }
    },
    ConformanceCase("the argument is read before the number is judged", 6) { b in
      let c = try b.context()
      for number: UInt32 in [0x3C81, 0x4000_3B81, 0x000C_3B94, 0xFF80] {
        b.ends(c.errno(number, at: 0), .EFAULT, hex(number))
      }
    },
    ConformanceCase("the argument is not read for numbers below the first", 5) { b in
      let c = try b.context()
      for number: UInt32 in [0x3B00, 0x3B7F, 0x3B63] {
        b.ends(c.errno(number, at: 0), .ENOTTY, hex(number))
      }
    },
    ConformanceCase("a structure that ends in unreadable memory fails EFAULT", 6) { b in
      let c = try b.context()
      let pages = try b.memory(8192)
      try b.kernel.protect(pages + 4096, 4096, [])
      try b.kernel.store(UInt32(12).littleEndianBytes, pages + 4092)
      b.ends(c.errno(IOMMUFDRequest.ioasAlloc.number, at: pages + 4092), .EFAULT, "cut short")
    },
    ConformanceCase("a result that cannot be written fails EFAULT and undoes the object", 10) { b in
      let c = try b.context()
      let page = try b.stored(UInt32(12).littleEndianBytes + [UInt8](repeating: 0, count: 8))
      try b.kernel.protect(page, 4096, .read)
      b.ends(c.errno(IOMMUFDRequest.ioasAlloc.number, at: page), .EFAULT, "read-only argument")
      b.equal(try c.ioas(), 1, "the first id")
    },
    ConformanceCase("a mapping whose result cannot be written stays") { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let memory = try b.memory(4096)
      let words: [UInt32] = [40, 7, ioas, 0]
      let addresses: [UInt64] = [memory, 4096, 0x10000]
      let page = try b.stored(
        words.flatMap(\.littleEndianBytes) + addresses.flatMap(\.littleEndianBytes))
      try b.kernel.protect(page, 4096, .read)
      b.ends(c.errno(IOMMUFDRequest.ioasMap.number, at: page), .EFAULT, "read-only argument")
      b.equal(try c.unmap(ioas, 0x10000, 4096), 4096, "bytes unmapped")
    },
    ConformanceCase("results are written up to the caller's size", 10, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      // A short HWPT_ALLOC ends before data_type; the bytes behind it are the caller's.
      var bytes = [UInt8](repeating: 0, count: 24)
      bytes.replaceSubrange(0..<4, with: UInt32(24).littleEndianBytes)
      bytes.replaceSubrange(8..<12, with: device.id.littleEndianBytes)
      bytes.replaceSubrange(12..<16, with: ioas.littleEndianBytes)
      let guarded = bytes + [UInt8](repeating: 0xEE, count: 40)
      let answer = try c.raw(IOMMUFDRequest.hwptAlloc.number, guarded)
      b.ends(answer.errno, nil, "a short HWPT_ALLOC")
      b.equal(answer.bytes.little(UInt32.self, at: 16), 5, "out_hwpt_id")
      b.equal(Array(answer.bytes[24...]), Array(guarded[24...]), "bytes behind the structure")
    },
    ConformanceCase("inputs come back unchanged") { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let memory = try b.memory(4096)
      let answer = try c.send(.ioasMap, IOASMapArgument.self) {
        $0.flags = 7
        $0.ioasID = ioas
        $0.userAddress = memory
        $0.length = 4096
        $0.iova = 0x20000
      }
      b.equal(answer.flags, 7, "flags")
      b.equal(answer.ioasID, ioas, "ioas_id")
      b.equal(answer.userAddress, memory, "user_va")
      b.equal(answer.length, 4096, "length")
      b.equal(answer.iova, 0x20000, "iova")
    },
    ConformanceCase(
      "closing the context keeps objects alive while a device is bound", 11, needs: .vfio
    ) {
      b in
      let c = try b.context()
      let (device, id) = try b.bound(to: c)
      let ioas = try c.ioas()
      try device.attach(ioas)
      let other = try b.kernel.duplicate(c.descriptor)
      b.adopt(other)
      try c.close()
      b.works("detach after the close") { try device.detach() }
      b.works("attach after the close") { try device.attach(ioas) }
      _ = id
    },
    ConformanceCase(
      "attach requests work after the last context descriptor is closed", 11, needs: .vfio
    ) {
      b in
      let c = try b.context()
      let (device, _) = try b.bound(to: c)
      let ioas = try c.ioas()
      try c.close()
      b.works { try device.attach(ioas) }
      b.works { try device.detach() }
      b.fails(.ENOENT) { try device.attach(ioas + 50) }
    },
    ConformanceCase("an open fault queue keeps the context's objects alive", 11, needs: .mock) {
      b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let queue = try c.faultQueue()
      let page = try b.memory(4096)
      b.equal(try b.kernel.read(queue.descriptor, page, 40), 0, "bytes of an empty queue")
      try c.close()
      b.equal(try b.kernel.read(queue.descriptor, page, 40), 0, "bytes after the close")
      _ = device
    },
  ]
}
