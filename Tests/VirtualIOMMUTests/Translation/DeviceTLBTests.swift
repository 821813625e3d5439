import Hardware
import IOMMU
import Testing
import VirtualIOMMU

@Suite("Translation requests and translated requests")
struct DeviceTLBTests {
  private static func guest(
    leaf flags: UInt64 = 7, word2: UInt64 = 0
  ) throws -> (guest: WalkGuest, leaf: UInt64, page: UInt64) {
    let guest = try WalkGuest()
    guest.writeScalable()
    let top = guest.fresh()
    let page = guest.fresh()
    let leaf = guest.link(0x1000, to: page | flags, from: top).last ?? 0
    guest.write(5, 0x41, top | word2)
    guest.write(0, 0x109)
    return (guest, leaf, page)
  }

  private static var pasid: PASID? { PASID(rawValue: 5) }

  private static func success(
    _ address: UInt64, _ access: DMAAccess, _ shift: UInt8 = 12
  ) -> VTdTranslationCompletion {
    .success(
      VTdDeviceTranslation(
        address: GuestPhysicalAddress(address), permissions: access, pageShift: shift))
  }

  @Test("the completion tells where it leads and what is allowed")
  func completion() throws {
    let (guest, leaf, page) = try Self.guest()
    #expect(
      guest.endpoint.translationRequest(IOVA(0x1008), [.read, .write], Self.pasid)
        == Self.success(page | 8, [.read, .write]))
    #expect(guest[leaf] & 0x60 == 0x60, "the device may write without asking again")
    #expect(guest.events.take() == [])
  }

  @Test("a request that forgoes writing leaves the dirty bit alone")
  func noWrite() throws {
    let (guest, leaf, page) = try Self.guest()
    #expect(
      guest.endpoint.translationRequest(
        IOVA(0x1008), [.read, .write], Self.pasid, forgoesWriting: true)
        == Self.success(page | 8, .read))
    #expect(guest[leaf] & 0x60 == 0x20)
  }

  @Test("what is read-only is offered for reading")
  func readOnly() throws {
    let (guest, _, page) = try Self.guest(leaf: 5)
    #expect(
      guest.endpoint.translationRequest(IOVA(0x1008), [.read, .write], Self.pasid)
        == Self.success(page | 8, .read))
  }

  @Test("execution is offered when it is asked for and allowed", arguments: [0, 2] as [UInt64])
  func execute(word2: UInt64) throws {
    let (guest, _, page) = try Self.guest(word2: word2)
    #expect(
      guest.endpoint.translationRequest(
        IOVA(0x1000), [.read, .write, .execute], Self.pasid)
        == Self.success(page, word2 == 2 ? [.read, .write, .execute] : [.read, .write]))
    #expect(
      guest.endpoint.translationRequest(IOVA(0x1000), [.read, .write], Self.pasid)
        == Self.success(page, [.read, .write]))
  }

  @Test("nothing there is success without rights, and no fault", arguments: [0, 3] as [UInt64])
  func nothing(flags: UInt64) throws {
    let (guest, _, _) = try Self.guest(leaf: flags)
    #expect(
      guest.endpoint.translationRequest(IOVA(0x1000), [.read, .write], Self.pasid)
        == .success(nil))
    #expect(guest.events.take() == [])
  }

  @Test("wrong tables abort and are recorded")
  func wrong() throws {
    let (guest, leaf, _) = try Self.guest()
    guest[leaf] |= 1 << 50
    #expect(
      guest.endpoint.translationRequest(IOVA(0x1000), .read, Self.pasid) == .completerAbort)
    #expect(
      guest.events.take() == [
        VTdFault(
          .firstStageReserved, source: WalkGuest.device.sourceID, request: .translation,
          address: IOVA(0x1000), pasid: Self.pasid, access: .read)
      ])
  }

  @Test("who may not ask gets Unsupported Request")
  func mayNot() throws {
    let (guest, _, _) = try Self.guest()
    #expect(
      guest.endpoint.translationRequest(IOVA(0), .read, PASID(rawValue: 6))
        == .unsupportedRequest)
    #expect(guest.events.take().map(\.reason) == [.pasidEntryNotPresent])
    guest[WalkGuest.contextPlace] &= ~4
    guest.translator.invalidate(.allContexts)
    #expect(guest.endpoint.translationRequest(IOVA(0x1000), .read) == .unsupportedRequest)
    #expect(guest.events.take().map(\.reason) == [.deviceTLBNotEnabled])
    guest.use(.scalable, isOn: false)
    #expect(guest.endpoint.translationRequest(IOVA(0x1000), .read) == .unsupportedRequest)
    #expect(guest.events.take() == [])
  }

  @Test("large pages of the guest are told as such, whatever ours are")
  func large() throws {
    let (guest, _, _) = try Self.guest()
    let top = guest.fresh()
    guest.link(0x20_0000, to: 0x4000_0007, from: top, leaf: 2)
    guest.write(5, 0x41, top)
    guest.translator.invalidate(.allPASIDs)
    #expect(
      guest.endpoint.translationRequest(IOVA(0x20_3000), [.read, .write], Self.pasid)
        == Self.success(0x4000_3000, [.read, .write], 21))
  }

  @Test("messages stay untranslated")
  func messages() throws {
    let (guest, _, _) = try Self.guest()
    guard
      case .success(let found?) = guest.endpoint.translationRequest(IOVA(0xFEE0_1000), .write)
    else {
      Issue.record("no completion")
      return
    }
    #expect(found.isUntranslatedOnly && found.permissions == .write)
  }

  @Test("translated requests reach memory as it is, but no interrupts")
  func translated() throws {
    let (guest, _, page) = try Self.guest()
    let answers = guest.endpoint.withTranslatedRequests { requests in
      [
        requests.translate(IOVA(page | 8), .write), requests.translate(IOVA(1 << 40), .read),
        requests.translate(IOVA(0xFEE0_0000), .write),
      ]
    }
    guard case .success(let found) = answers[0] else {
      Issue.record("\(answers)")
      return
    }
    #expect(guest.physical(found.address) == page | 8)
    #expect(answers[1] == .outside(GuestPhysicalAddress(1 << 40)))
    #expect(answers[2] == .refused(.interruptRange))
    #expect(guest.events.take().map(\.request) == [.translated])
  }

  @Test("translated requests need DTE, or TT 1")
  func translatedMayNot() throws {
    let (guest, _, _) = try Self.guest()
    guest[WalkGuest.contextPlace] &= ~4
    func answer() -> VTdAnswer {
      guest.endpoint.withTranslatedRequests { $0.translate(IOVA(0x3000), .read) }
    }
    #expect(answer() == .refused(.deviceTLBNotEnabled))
    for type in 0..<3 as Range<UInt64> {
      guest.writeLegacy(0x6001 | type << 2)
      guest.use(.legacy)
      if type == 1 {
        #expect(answer() != .refused(.legacyRequestBlocked))
      } else {
        #expect(answer() == .refused(.legacyRequestBlocked))
      }
    }
  }
}
