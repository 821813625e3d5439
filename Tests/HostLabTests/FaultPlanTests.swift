import HostABI
import Testing

@testable import HostLab

@Suite("Faults for a program under test")
struct FaultPlanTests {
  private static func ioctl(_ request: IOMMUFDRequest) -> TracedCall.Call {
    .ioctl(request: request.number, before: [], after: [])
  }

  @Test(
    "names are read in any case, with or without prefix",
    arguments: [
      ("HWPT_ALLOC", "IOMMU_HWPT_ALLOC"), ("iommu_hwpt_alloc", "IOMMU_HWPT_ALLOC"),
      ("ioas_map", "IOMMU_IOAS_MAP"), ("BIND_IOMMUFD", "VFIO_DEVICE_BIND_IOMMUFD"),
      ("VFIO_DEVICE_BIND_IOMMUFD", "VFIO_DEVICE_BIND_IOMMUFD"),
      ("DEVICE_RESET", "VFIO_DEVICE_RESET"), ("attach", "VFIO_DEVICE_ATTACH_IOMMUFD_PT"),
      ("GET_DEVICE_FD", "VFIO_GROUP_GET_DEVICE_FD"), ("map_dma", "VFIO_IOMMU_MAP_DMA"),
      ("open", "open"), ("PREAD", "pread"), ("IOMMU_MAP_DMA", "VFIO_IOMMU_MAP_DMA"),
      ("GET_HW_INFO", "IOMMU_GET_HW_INFO"), ("group_get_device_fd", "VFIO_GROUP_GET_DEVICE_FD"),
      ("test_pasid_attach", "IOMMU_TEST_OP_PASID_ATTACH"),
    ])
  func names(_ given: String, _ name: String) throws {
    #expect(try FaultPlan(failures: [given]).failures.map(\.requests.name) == [name])
  }

  @Test("every name of the list is understood, and means itself")
  func allNames() throws {
    for name in RequestNames.all {
      #expect(try FaultPlan(failures: [name]).failures.map(\.requests.name) == [name])
    }
  }

  @Test("count and errno are optional")
  func parts() throws {
    let plan = try FaultPlan(
      failures: ["HWPT_ALLOC:3=ENOMEM", "open", "IOAS_MAP=eFAULT", "IOAS_MAP:2=28"])
    #expect(plan.failures.map(\.requests.ordinal) == [3, nil, nil, 2])
    #expect(plan.failures.map(\.errno) == [.ENOMEM, .EACCES, .EFAULT, .ENOSPC])
  }

  @Test(
    "a mistyped name gets the nearest one",
    arguments: [
      ("HWPT_ALOC", "HWPT_ALLOC"), ("IOAS_MAPP", "IOAS_MAP"), ("prread", "pread"),
      ("BIND_IOMUFD", "BIND_IOMMUFD"),
    ])
  func suggestion(_ given: String, _ nearest: String) throws {
    let error = #expect(throws: FaultPlanError.self) { try FaultPlan(failures: [given]) }
    #expect(error == .unknownRequest(given, option: "--fail", nearest: nearest))
    #expect("\(try #require(error))".contains("did you mean \(nearest)?"))
  }

  @Test(
    "what cannot be meant is refused",
    arguments: [
      "HWPT_ALLOC:0", "HWPT_ALLOC:x", "HWPT_ALLOC:", "HWPT_ALLOC=EWHAT", "", ":1", "=EIO",
      "HWPT_ALLOC=", "HWPT_ALLOC=0", "HWPT_ALLOC:-1",
    ])
  func refused(_ text: String) {
    #expect(throws: FaultPlanError.self) { try FaultPlan(failures: [text]) }
  }

  @Test("only the n-th request fails, and others do not count")
  func ordinal() throws {
    let injector = FaultInjector(try FaultPlan(failures: ["HWPT_ALLOC:2=EIO"]))
    let calls: [IOMMUFDRequest] = [.hwptAlloc, .ioasMap, .hwptAlloc, .hwptAlloc]
    let failures = calls.map { injector.decide(Self.ioctl($0), on: .iommu).failure }
    #expect(failures == [nil, nil, .EIO, nil])
  }

  @Test("the file decides what a number means: 0x3b71 is a mapping or a hot reset")
  func overlap() throws {
    let injector = FaultInjector(try FaultPlan(failures: ["IOMMU_MAP_DMA"]))
    let call = TracedCall.Call.ioctl(request: 0x3B71, before: [], after: [])
    #expect(injector.decide(call, on: .device(0)).failure == nil)
    #expect(injector.decide(call, on: .iommu).failure == .ENOMEM)
  }

  @Test(
    "delays add up and a note says why",
    arguments: [
      ("RESET=20ms", Duration.milliseconds(20)), ("RESET=1.5s", .milliseconds(1500)),
      ("RESET=500us", .microseconds(500)), ("RESET=7ns", .nanoseconds(7)),
    ])
  func delays(_ text: String, _ duration: Duration) throws {
    let injector = FaultInjector(
      try FaultPlan(failures: [], delays: [text, "DEVICE_RESET:1=1s"]))
    let reset = TracedCall.Call.ioctl(
      request: VFIODeviceRequest.reset.number, before: [], after: [])
    let decision = injector.decide(reset, on: .device(0))
    #expect(decision.delay == duration + .seconds(1))
    #expect(decision.note?.contains("--delay") == true)
    #expect(injector.decide(reset, on: .device(0)).delay == duration)
  }

  @Test(
    "times without sense are refused",
    arguments: [
      "RESET", "RESET=", "RESET=5", "RESET=-1s", "RESET=infs", "RESET=nans", "RESET=1e9s",
      "RESET=5min",
    ])
  func refusedTimes(_ text: String) {
    #expect(throws: FaultPlanError.self) { try FaultPlan(failures: [], delays: [text]) }
  }

  @Test("a page request says whose, where, and after what")
  func pageRequests() throws {
    let plan = try FaultPlan(
      failures: [],
      pageRequests: [
        "vfio0:0x1000,pasid=5,write,after=ATTACH_IOMMUFD_PT:2", "0000:6a:01.0:4096",
      ])
    #expect(plan.pageRequests[0].device == .node(0))
    #expect(plan.pageRequests[0].pasid == 5)
    #expect(plan.pageRequests[0].access == .write)
    #expect(plan.pageRequests[0].after.ordinal == 2)
    #expect(plan.pageRequests[1].address == 4096)
    #expect(plan.pageRequests[1].access == .read)
    let injector = FaultInjector(plan)
    let attach = TracedCall.Call.ioctl(
      request: VFIODeviceRequest.attach.number, before: [], after: [])
    #expect(injector.decide(attach, on: .device(0)).pageRequests == [plan.pageRequests[1]])
    #expect(injector.decide(attach, on: .device(0)).pageRequests == [plan.pageRequests[0]])
    #expect(injector.decide(attach, on: .device(0)).pageRequests == [])
  }

  @Test(
    "page requests that make no sense are refused",
    arguments: [
      "", "vfio0", "vfio0:", "vfio:0x1000", "vfio0:x", "zz:1", "vfio0:0x1000,what",
      "vfio0:0x1000,pasid=0x100000", "vfio0:0x1000,after=NOTHING",
    ])
  func refusedPageRequests(_ text: String) {
    #expect(throws: FaultPlanError.self) { try FaultPlan(failures: [], pageRequests: [text]) }
  }
}
