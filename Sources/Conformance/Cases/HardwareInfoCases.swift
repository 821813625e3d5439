import HostABI

/// GET_HW_INFO.
extension ConformanceSuite {
  static let hardwareInfo: [ConformanceCase] = [
    ConformanceCase("without INPUT_TYPE any type is ignored", 76, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      for type: UInt32 in [0, 1, 77, .max] {
        let answer = try c.send(.getHardwareInfo, HardwareInfoArgument.self) {
          $0.deviceID = device.id
          $0.dataType = type
        }
        b.equal(answer.dataType, MockType.hardwareInfo, "type when \(type) was given")
        b.equal(answer.dataLength, 8, "length")
      }
    },
    ConformanceCase("with INPUT_TYPE an unsupported type fails EOPNOTSUPP", 77, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      for type: UInt32 in [1, 2, 3, 77] {
        b.fails(.EOPNOTSUPP, "type \(type)") { try c.hardwareInfo(device.id, type: type) }
      }
      for type in [0, MockType.hardwareInfo] {
        b.works("type \(type)") { try c.hardwareInfo(device.id, type: type) }
      }
    },
    ConformanceCase("with INPUT_TYPE a VFIO device refuses another vendor's type", 77, needs: .vtd)
    { b in
      let c = try b.context()
      let (_, id) = try b.bound(.vtd, to: c)
      b.fails(.EOPNOTSUPP) { try c.hardwareInfo(id, type: HardwareInfoType.armSMMUv3) }
      let answer = try c.hardwareInfo(id, type: HardwareInfoType.vtd)
      b.equal(answer.answer.dataType, HardwareInfoType.vtd, "type")
      b.equal(answer.answer.dataLength, 24, "length")
    },
    ConformanceCase("the buffer is cut or zero-filled", 78, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let whole = [0, 0, 0, 0, 0xEF, 0xBE, 0xAD, 0xDE] as [UInt8]
      for room in [0, 1, 5, 8, 9, 64] {
        let answer = try c.hardwareInfo(device.id, room: room)
        b.equal(answer.answer.dataLength, 8, "length at room \(room)")
        let expected = Array((whole + [UInt8](repeating: 0, count: 64)).prefix(room))
        b.equal(answer.data, expected, "data at room \(room)")
      }
      b.fails(.EFAULT, "a buffer that cannot be written") {
        try c.send(.getHardwareInfo, HardwareInfoArgument.self) {
          $0.deviceID = device.id
          $0.dataLength = 8
        }
      }
    },
    ConformanceCase("the buffer of a VFIO device is cut or zero-filled", 78, needs: .vtd) { b in
      let c = try b.context()
      let (_, id) = try b.bound(.vtd, to: c)
      let whole = try c.hardwareInfo(id, room: 24).data
      for room in [0, 7, 24, 40] {
        let answer = try c.hardwareInfo(id, room: room)
        b.equal(answer.answer.dataLength, 24, "length at room \(room)")
        let expected = Array((whole + [UInt8](repeating: 0, count: 40)).prefix(room))
        b.equal(answer.data, expected, "data at room \(room)")
      }
    },
    ConformanceCase("size 32 leaves out the capabilities", 79, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      var bytes = [UInt8](repeating: 0, count: 40)
      bytes[0] = 32
      bytes.replaceSubrange(8..<12, with: device.id.littleEndianBytes)
      bytes.replaceSubrange(32..<40, with: [UInt8](repeating: 0xEE, count: 8))
      let answer = try c.raw(IOMMUFDRequest.getHardwareInfo.number, bytes)
      b.ends(answer.errno, nil, "size 32")
      b.equal(answer.bytes[28], 20, "out_max_pasid_log2")
      b.equal(answer.bytes.little(UInt64.self, at: 32), 0xEEEE_EEEE_EEEE_EEEE, "bytes behind")
      b.equal(answer.bytes.little(UInt32.self, at: 24), MockType.hardwareInfo, "type")
    },
    ConformanceCase("PASID width and capabilities of mock devices", 80, 82, needs: .mock) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      for (flags, width, capabilities) in [
        ([], 0, [.noATS, .dirtyTracking]), (.pasid, 20, [.noATS, .dirtyTracking]),
        (.noDirtyTracking, 0, .noATS), ([.pasid, .noDirtyTracking], 20, .noATS),
      ] as [(MockDeviceFlags, UInt8, HardwareCapabilities)] {
        let device = try c.device(on: ioas, flags)
        let answer = try c.hardwareInfo(device.id).answer
        b.equal(answer.outMaxPASIDLog2, width, "width with flags \(flags.rawValue)")
        b.equal(
          answer.outCapabilities, capabilities.rawValue, "capabilities with \(flags.rawValue)")
      }
    },
    ConformanceCase("PASID width of a VFIO device is at most 20", 80, needs: .vfio) { b in
      for facts in b.testbed.devices {
        b.holds(facts.maxPASIDLog2 <= 20, "\(facts.path): \(facts.maxPASIDLog2)")
      }
    },
    ConformanceCase("a VF reports its PF's PASIDs", 81, needs: .virtualFunction) { b in
      let c = try b.context()
      let (_, id) = try b.bound(.virtualFunction, to: c)
      b.holds(try c.hardwareInfo(id).answer.outMaxPASIDLog2 > 0, "no width")
    },
    ConformanceCase("exec and privileged need PASIDs to mean anything", 82, needs: .vfio) { b in
      for facts in b.testbed.devices where facts.maxPASIDLog2 == 0 {
        let bits = facts.capabilities.intersection([.pasidExecute, .pasidPrivileged])
        b.equal(bits, [], "capabilities of \(facts.path)")
      }
    },
    ConformanceCase("GET_HW_INFO: flags and reserved fields before the id", needs: .mock) { b in
      let c = try b.context()
      let fields: [(String, @Sendable (inout HardwareInfoArgument) -> Void)] = [
        ("flag 2", { $0.flags = 2 }), ("high flag", { $0.flags = 0x8000_0000 }),
        ("reserved 0", { $0.reserved0 = 1 }), ("reserved 1", { $0.reserved1 = 1 }),
        ("reserved 2", { $0.reserved2 = 1 }),
      ]
      for (what, fill) in fields {
        b.fails(.EOPNOTSUPP, what) {
          try c.send(.getHardwareInfo, HardwareInfoArgument.self) {
            $0.deviceID = 99
            fill(&$0)
          }
        }
      }
      b.fails(.ENOENT) { try c.hardwareInfo(99) }
    },
  ]
}
