import HostABI

extension RequestShape {
  /// The shapes of the mock-device operations.
  static let mock: [MockOperation: RequestShape] = Dictionary(
    uniqueKeysWithValues: MockOperation.allCases.map { ($0, shape(of: $0)) })

  /// A shape whose `id` is an object's number, or a descriptor.
  private static func operation<Structure: WireStructure>(
    _ name: String, _ type: Structure.Type, _ id: KeyPath<Structure, UInt32>,
    isObject: Bool = true, _ fields: [FieldShape]
  ) -> RequestShape {
    RequestShape(
      "IOMMU_TEST_OP_" + name, type,
      [
        FieldShape(
          "id", id, isObject ? .object : .number, label: isObject ? "" : "fd",
          hidesZero: !isObject)
      ] + fields)
  }

  private static func shape(of operation: MockOperation) -> RequestShape {
    switch operation {
    case .addReserved:
      self.operation(
        "ADD_RESERVED", MockReserveArgument.self, \.id,
        [
          FieldShape("start", \MockReserveArgument.start, .hex, label: "iova"),
          FieldShape("length", \MockReserveArgument.length, .byteCount, label: ""),
        ])
    case .makeDevice, .makeDeviceWithFlags:
      self.operation(
        operation == .makeDevice ? "MOCK_DOMAIN" : "MOCK_DOMAIN_FLAGS", MockDeviceArgument.self,
        \.id,
        [
          FieldShape("out_stdev_id", \MockDeviceArgument.outHolderID, .created, .answered),
          FieldShape(
            "out_hwpt_id", \MockDeviceArgument.outTableID, .object, .answered, label: "on"),
          FieldShape(
            "out_idev_id", \MockDeviceArgument.outDeviceID, .object, .answered, label: "as"),
          FieldShape("dev_flags", \MockDeviceArgument.deviceFlags, .hex, hidesZero: true),
        ])
    case .checkMap:
      self.operation(
        "MD_CHECK_MAP", MockCheckMapArgument.self, \.id,
        [
          FieldShape("iova", \MockCheckMapArgument.iova, .hex),
          FieldShape("length", \MockCheckMapArgument.length, .byteCount, label: ""),
          FieldShape("uptr", \MockCheckMapArgument.address, .address, label: "at"),
        ])
    case .checkReferences:
      self.operation(
        "MD_CHECK_REFS", MockCheckReferencesArgument.self, \.id, isObject: false,
        [
          FieldShape("length", \MockCheckReferencesArgument.length, .byteCount, label: ""),
          FieldShape("uptr", \MockCheckReferencesArgument.address, .address, label: "at"),
          FieldShape("refs", \MockCheckReferencesArgument.references, .number),
        ])
    case .replaceTable:
      self.operation(
        "MOCK_DOMAIN_REPLACE", MockReplaceArgument.self, \.id,
        [FieldShape("pt_id", \MockReplaceArgument.tableID, .object, .both, label: "to")])
    case .checkIOTLB:
      self.operation(
        "MD_CHECK_IOTLB", MockCheckIOTLBArgument.self, \.id,
        [
          FieldShape("entry", \MockCheckIOTLBArgument.entry, .number),
          FieldShape("iotlb", \MockCheckIOTLBArgument.value, .hex),
        ])
    case .triggerFault:
      self.operation(
        "TRIGGER_IOPF", MockFaultArgument.self, \.id, isObject: false,
        [
          FieldShape("dev_id", \MockFaultArgument.deviceID, .object, label: "of"),
          FieldShape("pasid", \MockFaultArgument.pasid, .number, label: "PASID"),
          FieldShape("grpid", \MockFaultArgument.groupID, .number, label: "group"),
          FieldShape("perm", \MockFaultArgument.permissions, .hex),
          FieldShape("addr", \MockFaultArgument.address, .hex, label: "at"),
        ])
    case .checkDeviceCache:
      self.operation(
        "DEV_CHECK_CACHE", MockCheckCacheArgument.self, \.id,
        [
          FieldShape("entry", \MockCheckCacheArgument.entry, .number),
          FieldShape("cache", \MockCheckCacheArgument.value, .hex),
        ])
    case .triggerEvent:
      self.operation(
        "TRIGGER_VEVENT", MockTriggerEventArgument.self, \.id, isObject: false,
        [FieldShape("dev_id", \MockTriggerEventArgument.deviceID, .object, label: "of")])
    case .attachPASID, .replacePASID, .checkPASID:
      self.operation(
        operation == .attachPASID
          ? "PASID_ATTACH" : operation == .replacePASID ? "PASID_REPLACE" : "PASID_CHECK_HWPT",
        MockPASIDArgument.self, \.id,
        [
          FieldShape("pasid", \MockPASIDArgument.pasid, .number, label: "PASID"),
          FieldShape("pt_id", \MockPASIDArgument.tableID, .object, .both, label: "to"),
        ])
    case .detachPASID:
      self.operation(
        "PASID_DETACH", MockPASIDArgument.self, \.id,
        [FieldShape("pasid", \MockPASIDArgument.pasid, .number, label: "PASID")])
    default: memoryShape(of: operation)
    }
  }

  private static func memoryShape(of operation: MockOperation) -> RequestShape {
    switch operation {
    case .makeAccess:
      self.operation(
        "CREATE_ACCESS", MockAccessArgument.self, \.id,
        [
          FieldShape(
            "out_access_fd", \MockAccessArgument.outDescriptor, .descriptor, .answered,
            label: "access"),
          FieldShape("flags", \MockAccessArgument.flags, .hex, hidesZero: true),
        ])
    case .unpinAccess:
      self.operation(
        "DESTROY_ACCESS_PAGES", MockUnpinArgument.self, \.id, isObject: false,
        [FieldShape("access_pages_id", \MockUnpinArgument.pinID, .number, label: "pages")])
    case .pinAccess:
      self.operation(
        "ACCESS_PAGES", MockPinArgument.self, \.id, isObject: false,
        [
          FieldShape("flags", \MockPinArgument.flags, .hex, hidesZero: true),
          FieldShape(
            "out_access_pages_id", \MockPinArgument.outPinID, .number, .answered, label: "pages"),
          FieldShape("iova", \MockPinArgument.iova, .hex),
          FieldShape("length", \MockPinArgument.length, .byteCount, label: ""),
          FieldShape("uptr", \MockPinArgument.address, .address, label: "at", hidesZero: true),
        ])
    case .copyAccess:
      self.operation(
        "ACCESS_RW", MockCopyArgument.self, \.id, isObject: false,
        [
          FieldShape("iova", \MockCopyArgument.iova, .hex),
          FieldShape("length", \MockCopyArgument.length, .byteCount, label: ""),
          FieldShape("uptr", \MockCopyArgument.address, .address, label: "at"),
          FieldShape("flags", \MockCopyArgument.flags, .hex, hidesZero: true),
        ])
    case .setMemoryLimit:
      self.operation(
        "SET_TEMP_MEMORY_LIMIT", MockLimitArgument.self, \.id, isObject: false,
        [FieldShape("limit", \MockLimitArgument.limit, .byteCount, label: "")])
    case .replaceAccessIOAS:
      self.operation(
        "ACCESS_REPLACE_IOAS", MockAccessReplaceArgument.self, \.id, isObject: false,
        [FieldShape("ioas_id", \MockAccessReplaceArgument.ioasID, .object, label: "to")])
    case .markDirty:
      self.operation(
        "DIRTY", MockDirtyArgument.self, \.id,
        [
          FieldShape("iova", \MockDirtyArgument.iova, .hex),
          FieldShape("length", \MockDirtyArgument.length, .byteCount, label: ""),
          FieldShape("page_size", \MockDirtyArgument.pageSize, .byteCount, label: "pages of"),
          FieldShape(
            "out_nr_dirty", \MockDirtyArgument.outCount, .number, .answered, label: "dirty"),
        ])
    case .makeBuffer:
      self.operation(
        "DMABUF_GET", MockBufferArgument.self, \.id, isObject: false,
        [FieldShape("length", \MockBufferArgument.length, .byteCount, label: "")])
    case .revokeBuffer:
      self.operation(
        "DMABUF_REVOKE", MockRevokeArgument.self, \.id, isObject: false,
        [
          FieldShape("dmabuf_fd", \MockRevokeArgument.descriptor, .descriptor, label: "dmabuf"),
          FieldShape("revoked", \MockRevokeArgument.revoked, .number),
        ])
    default: RequestShape("IOMMU_TEST_CMD")
    }
  }
}
