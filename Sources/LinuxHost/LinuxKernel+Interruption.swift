#if os(Linux)
  import HostABI

  extension LinuxKernel {
    /// Whether a request that a signal interrupted can simply be made again.
    ///
    /// A request that was interrupted had no effect, or one that a second go arrives at again:
    /// making an object, mapping, asking. Not among them are requests whose first part stays done
    /// and would be missed or done twice (`IOMMU_IOAS_UNMAP`, `IOMMU_HWPT_INVALIDATE`, which also
    /// overwrites its count, firing interrupts), and those that mean different things on different
    /// files.
    static func mayRepeat(_ request: UInt32) -> Bool {
      if request >> 8 == 0x3B, let known = IOMMUFDRequest(rawValue: request & 0xFF) {
        return switch known {
        case .ioasUnmap, .hwptInvalidate: false
        default: true
        }
      }
      return switch VFIODeviceRequest(rawValue: request) {
      case .getInfo, .getRegionInfo, .getIRQInfo, .attach, .detach: true
      default: false
      }
    }
  }
#endif
