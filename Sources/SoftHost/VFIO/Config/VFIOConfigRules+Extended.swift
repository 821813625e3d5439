extension VFIOConfigRules {
  /// The defined bits of the uncorrectable error registers: undefined, data link, surprise down,
  /// poisoned TLP up to TLP prefix blocked.
  private static let uncorrectable: UInt32 = 0x03FF_F031
  /// The defined bits of the correctable error registers.
  private static let correctable: UInt32 = 0x0000_F1C1

  /// The capabilities of the extended list that a VMM is shown.
  package static let extendedRows: [CapabilityRule] = [
    .init(
      0x01, .fixed(44),
      .registers([
        .init(0x04, 4, writable: uncorrectable),
        .init(0x08, 4, writable: uncorrectable),
        .init(0x0C, 4, writable: uncorrectable),
        .init(0x10, 4, writable: correctable),
        .init(0x14, 4, writable: correctable),
        .init(0x18, 4, writable: 1 << 6 | 1 << 8),
      ])),
    .init(0x02, .virtualChannel),
    .init(0x03, .fixed(12)),
    .init(0x04, .fixed(16), .registers([.init(8, 1, writable: 0xFF)])),
    .init(0x08, .virtualChannel),
    .init(0x09, .virtualChannel),
    .init(0x0B, .vendorField, .all),
    .init(0x0D, .accessControl),
    .init(0x0E, .fixed(8)),
    .init(0x0F, .fixed(8)),
    .init(0x10, .fixed(64)),
    .init(0x12, .fixed(40)),
    .init(0x13, .fixed(16)),
    .init(0x15, .resizableBAR),
    .init(0x16, .dynamicPower),
    .init(0x17, .steeringTags),
    .init(0x18, .fixed(8)),
    .init(0x23, .vendorField, .all),
  ]
}
