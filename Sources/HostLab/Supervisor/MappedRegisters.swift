#if os(Linux)
  import HostSystem
  import SoftHost

  /// The host's devices as the tracer of mapped registers asks for them.
  final class MappedRegisters: MappedDevices {
    private let host: SoftwareHost
    private let files: OpenFiles

    init(_ host: SoftwareHost, _ files: OpenFiles) {
      self.host = host
      self.files = files
    }

    func device(of file: FileIdentity) -> Int? {
      guard case .device(let number)? = files.file(file)?.role else { return nil }
      return number
    }

    func load(device: Int, fileOffset: UInt64, byteCount: Int) -> UInt64? {
      let place = RegionOffset.place(fileOffset)
      return host.load(byteCount, at: place.position, ofBAR: place.region, of: device)
    }

    func store(_ value: UInt64, device: Int, fileOffset: UInt64, byteCount: Int) -> Bool {
      let place = RegionOffset.place(fileOffset)
      return host.store(value, byteCount, at: place.position, ofBAR: place.region, of: device)
    }

    func store(block: [UInt8], device: Int, fileOffset: UInt64, waits: Bool) -> Bool {
      let place = RegionOffset.place(fileOffset)
      var words = SIMD8<UInt64>()
      for index in block.indices.prefix(64) {
        words[index / 8] |= UInt64(block[index]) << UInt64(8 * (index % 8))
      }
      return host.storeWide(
        words, at: place.position, ofBAR: place.region, of: device, isAnswered: waits) ?? false
    }
  }
#endif
