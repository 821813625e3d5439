import HostABI
import Testing

@testable import IOMMUClient

@Suite("Errors say what failed, what it means and what to do")
struct ErrorTests {
  @Test("every row of the table can be reached, and none stands twice")
  func reachable() {
    for (index, row) in Explanation.all.enumerated() {
      let error = IOMMUError(row.request, row.errno, [], row.circumstances)
      let found = Explanation.all.firstIndex {
        $0.request == row.request && $0.errno == row.errno
          && $0.circumstances.isSubset(of: row.circumstances)
      }
      #expect(found == index, "\(row.request) \(row.errno) is hidden by an earlier row")
      #expect(error.meaning == row.meaning && error.advice == row.advice)
    }
  }

  @Test("rows are clauses that a sentence can be made of")
  func sentences() {
    for row in Explanation.all {
      #expect(!row.meaning.hasSuffix(".") && !row.advice.hasSuffix("."))
      #expect(row.meaning.count > 10 && row.advice.count > 8)
      #expect(row.advice.first?.isUppercase == true, "\(row.advice)")
      #expect(!row.meaning.contains("  ") && !row.advice.contains("  "))
    }
  }

  /// All errors that a kernel may answer with, known and unknown.
  static let errnos = (1...133).map { LinuxErrno(rawValue: $0) }

  @Test("any errno of any request is explained", arguments: errnos)
  func anyErrno(errno: LinuxErrno) {
    let requests: [IOMMUError.Request] =
      [.open, .read, .write, .poll, .readRegion, .writeRegion, .map, .scratchMemory]
      + IOMMUFDRequest.allCases.map { .iommufd($0) }
      + VFIODeviceRequest.allCases.map { .device($0) }
    for request in requests {
      let error = IOMMUError(request, errno, [.addressSpace(3)])
      #expect(error.description.hasPrefix("IOAS 3: \(request) failed with \(errno): "))
      #expect(error.description.hasSuffix("."))
    }
  }

  @Test("circumstances decide what EINVAL of an attach means")
  func attach() {
    func meaning(_ circumstances: Circumstances) -> String {
      IOMMUError(.device(.attach), .EINVAL, [], circumstances).meaning
    }
    #expect(meaning([.pasid, .tableLacksPASID]).contains("not allocated for PASID use"))
    #expect(meaning([.pasid, .requesterLacksPASID]).contains("requests without a PASID"))
    #expect(meaning(.pasid).contains("wider"))
    #expect(meaning([.pasidsAttached, .tableLacksPASID]).contains("PASIDs are attached"))
    #expect(meaning(.tableLacksPASID).contains("not for this device"))
  }

  @Test("what an operator reads")
  func words() {
    let busy = IOMMUError(
      .device(.bindIOMMUFD), .EBUSY, [.device(path: "/dev/vfio/devices/vfio0", id: nil)])
    #expect(
      busy.description == """
        /dev/vfio/devices/vfio0: VFIO_DEVICE_BIND_IOMMUFD failed with EBUSY: the device's IOMMU \
        group is open through its legacy node (/dev/vfio/GROUP), or another driver uses the group. \
        Find who has the node open (fuser -v /dev/vfio/*) and stop it, and bind every device of \
        the group to vfio-pci.
        """)
    let entry = IOMMUError(.iommufd(.hwptInvalidate), .EIO, [.virtualIOMMU(4)], handled: 2)
    #expect(entry.description.hasPrefix("vIOMMU 4: IOMMU_HWPT_INVALIDATE failed with EIO after 2"))
    let zero = IOMMUError(.device(.attach), refused: .pasidZero, [.pasid(0)])
    #expect(
      zero.description == """
        PASID 0: VFIO_DEVICE_ATTACH_IOMMUFD_PT: PASID 0 stands for the device's requests without a \
        PASID. Attach without a PASID instead.
        """)
  }

  @Test("what is known about a request goes with its error")
  func circumstances() throws {
    let kernel = ScriptedKernel()
    let context = try IOMMUContext(on: kernel)
    let device = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: kernel).bind(to: context)
    let space = try IOAddressSpace(in: context)
    let plain = try space.makePageTable(for: device)
    let flagged = try space.makePageTable(for: device, options: .pasid)
    let pasid = try Assembly.pasid(5)
    let request = VFIODeviceRequest.attach.number
    func error(_ body: () throws -> Void) -> IOMMUError? {
      kernel.fail(request, .EINVAL)
      return #expect(throws: IOMMUError.self) { try body() }
    }
    let first = error { try device.attach(pasid, to: plain) }
    #expect(first?.circumstances == [.pasid, .tableLacksPASID])
    #expect(
      first?.objects == [
        .device(path: "/dev/vfio/devices/vfio0", id: device.id), .pasid(5), .pageTable(plain.id),
      ])
    try device.attach(to: plain)
    let second = error { try device.attach(pasid, to: flagged) }
    #expect(second?.circumstances == [.pasid, .requesterLacksPASID])
    try device.replace(with: flagged)
    try device.attach(pasid, to: flagged)
    let third = error { try device.replace(with: space) }
    #expect(third?.circumstances == [.addressSpace, .tableLacksPASID, .pasidsAttached])
    #expect(third?.meaning.contains("PASIDs are attached") == true)
  }

  @Test("the context's node and a device's node fail in words of their own")
  func nodes() {
    let kernel = ScriptedKernel()
    kernel.fail(0, .ENOENT)
    let context = #expect(throws: IOMMUError.self) { _ = try IOMMUContext(on: kernel) }
    #expect(context?.advice.contains("modprobe iommufd") == true)
    kernel.fail(0, .ENOENT)
    let device = #expect(throws: IOMMUError.self) {
      _ = try VFIODevice(path: "/dev/vfio/devices/vfio9", on: kernel)
    }
    #expect(device?.advice.contains("vfio-pci") == true)
  }
}
