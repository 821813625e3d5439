import HostABI
import HostSystem

/// A mock-device request on its way, its structure read once.
struct MockCall {
  let call: Call
  private let bytes: [UInt8]

  init(_ call: Call) throws(LinuxErrno) {
    self.call = call
    var bytes = try call.memory.load(
      min(Int(call.size), MockRequest.byteCount), at: call.address)
    while bytes.count < MockRequest.byteCount { bytes.append(0) }
    self.bytes = bytes
  }

  /// What to do; `nil` when it is not known.
  var operation: MockOperation? {
    MockOperation(rawValue: argument(MockDeviceArgument.self).operation)
  }

  /// The structure as an operation sees it.
  func argument<Argument: WireStructure>(_ type: Argument.Type) -> Argument {
    StructureBytes.load(type, from: bytes, zero: StructureBytes.zero(type))
  }
}

extension IOMMUContext {
  /// Answers a mock-device request.
  func mockRequest(_ call: Call, of mock: MockHost) throws(LinuxErrno) -> Int32 {
    guard call.size >= MockRequest.minimumByteCount else { throw .EINVAL }
    try checkTail(call, beyond: MockRequest.byteCount)
    let request = try MockCall(call)
    switch request.operation {
    case .addReserved: try mockAddReserved(request)
    case .makeDevice: try mockMakeDevice(request, [], of: mock)
    case .makeDeviceWithFlags:
      let flags = request.argument(MockDeviceArgument.self).deviceFlags
      try mockMakeDevice(request, MockDeviceFlags(rawValue: flags), of: mock)
    case .replaceTable: try mockReplaceTable(request)
    case .attachPASID: try mockAttachPASID(request)
    case .replacePASID: try mockReplacePASID(request)
    case .detachPASID: try mockDetachPASID(request)
    case .checkPASID: try mockCheckPASID(request)
    case .checkMap: try mockCheckMap(request)
    case .checkIOTLB: try mockCheckIOTLB(request)
    case .checkDeviceCache: try mockCheckDeviceCache(request, of: mock)
    case .checkReferences: try mockCheckReferences(request)
    case .triggerFault: try mockTriggerFault(request)
    case .triggerEvent: try mockTriggerEvent(request, of: mock)
    case .markDirty: try mockMarkDirty(request)
    case .makeAccess: try mockMakeAccess(request)
    case .replaceAccessIOAS: try mockReplaceAccess(request)
    case .pinAccess: try mockPin(request)
    case .unpinAccess: try mockUnpin(request)
    case .copyAccess: try mockCopy(request)
    case .setMemoryLimit:
      // The kernel's scratch memory; there is none here to be limited.
      guard request.argument(MockLimitArgument.self).limit >= 12 else { throw .EINVAL }
    case .makeBuffer: return try mockMakeBuffer(request)
    case .revokeBuffer: try mockRevokeBuffer(request)
    case nil: throw .EOPNOTSUPP
    }
    return 0
  }

  /// The holder with a number; `ENOENT` for any other object.
  func mockHolder(_ id: UInt32) throws(LinuxErrno) -> MockObject {
    guard case .mock(let object) = slot(id) else { throw .ENOENT }
    return object
  }
}
