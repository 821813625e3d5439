#if canImport(Glibc)
  import Glibc
  import HostSystem
  import Serving
  import Synchronization
  import Testing
  import VFIOUser

  /// A client shares its eventfds: it says whether writes to them wait, and can fill them.
  @Suite("Eventfds that a client fills")
  struct FullCounterTests {
    /// Calls a function again and again on a thread, and counts.
    private final class Turns: Sendable {
      let count = Atomic(0)

      /// Whether so many more turns came within a minute.
      func goOn(by more: Int) -> Bool {
        let target = count.load(ordering: .relaxed) + more
        for _ in 0..<600_000 {
          if count.load(ordering: .relaxed) >= target { return true }
          Calls.pause(microseconds: 100)
        }
        return false
      }
    }

    @Test(
      "an eventfd that is filled while it is signalled holds nobody up", .timeLimit(.minutes(30)))
    func filling() throws {
      let file = ReceivedFile(owning: try Calls.makeEventCounter())
      let interrupts = ServedInterrupts(
        UserDeviceInformation(name: "device", regions: [], interrupts: [.init(), .init(count: 1)]))
      try interrupts.apply(UserInterruptChange(kind: 1, start: 0, actions: [.trigger(file)]))
      // Whoever has it may say at any time that writes wait.
      #expect(fcntl(file.descriptor, F_SETFL, O_RDWR) == 0)
      let (signals, fills) = (Turns(), Turns())
      let signaller = ServiceThread {
        interrupts.trigger(.narrowMessage)
        signals.count.wrappingAdd(1, ordering: .relaxed)
        return true
      }
      let filler = ServiceThread {
        try? Calls.writeAll(file.descriptor, [0xFE] + Array(repeating: 0xFF, count: 7))
        fills.count.wrappingAdd(1, ordering: .relaxed)
        return false
      }
      let memory = try AnonymousMemory(byteCount: 4096)
      func empty() throws {
        while try Calls.poll(file.descriptor) & 1 != 0 {
          _ = try Calls.read(file.descriptor, memory.address, 8)
        }
      }
      signaller.poke()
      var isHeld = false
      for _ in 0..<400 where !isHeld {
        let before = fills.count.load(ordering: .relaxed)
        filler.poke()
        isHeld = !signals.goOn(by: 20)
        // A filler that found it signalled waits until it is empty.
        while fills.count.load(ordering: .relaxed) == before { try empty() }
        try empty()
      }
      #expect(!isHeld, "a thread of the device waits for its client")
      signaller.stop()
      filler.stop()
      try empty()
    }
  }
#endif
