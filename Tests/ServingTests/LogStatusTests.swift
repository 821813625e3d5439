import HostSystem
import LogText
import Testing

@testable import Serving

#if os(Linux)
  @Suite("How a server stands")
  struct LogStatusTests {
    static let status = ServeStatus(
      seconds: 12,
      devices: [
        .init(
          function: .init(
            name: "dsa0", place: "00:08.0", socket: "/run/p/dsa0.sock", client: "QEMU, 0.0",
            mappingCount: 3, mappedByteCount: 512 << 20, controls: ["bus master", "PASID"]),
          kind: "dsa", pasidCount: 1000, firstPASIDs: [1, 2, 3, 4, 5, 6, 7, 8], dmaReadCount: 2000,
          dmaWriteCount: 2000, dmaByteCount: 8 << 20, faultCount: 2,
          lastFault: "DMA read at 0x40000000 PASID 4, 64 B: fault, no page", pageRequestCount: 5,
          waitingPageRequestCount: 1),
        .init(
          function: .init(name: "nic0", place: "00:09.0", socket: "/run/p/nic0.sock"),
          kind: "nic"),
      ],
      unit: .init(
        function: .init(
          name: "iommu", place: "00:05.0", socket: "/run/p/iommu.sock", client: "QEMU, 0.0",
          mappingCount: 3, mappedByteCount: 512 << 20),
        registerBase: 0xFEBF_0000, isHidden: true, status: 0xC400_0000, rootTable: 0x10_0400,
        queueAddress: 0x20_0800, queueHead: 0x40, queueTail: 0x60, faultStatus: 2, eventCount: 1,
        cacheHitCount: 10_000, cacheMissCount: 12))

    @Test("people get a table, and the unit's registers in words")
    func text() {
      #expect(
        Self.status.text(LogStyle()) == """
          serving for 12 s
          device  place    client     guest memory  on                 PASIDs            DMA                      faults  requests
          dsa0    00:08.0  connected  512 MiB in 3  bus master, PASID  1,000: 1 2 3 4 …  2,000 r, 2,000 w, 8 MiB  2       5 (1 wait)
          nic0    00:09.0  none       -             -                  -                 -                        0       0
          dsa0: last fault: DMA read at 0x40000000 PASID 4, 64 B: fault, no page

          iommu  VT-d unit at 00:05.0, client connected, guest memory 512 MiB in 3
            registers     at 0xfebf0000, the function is hidden from PCI
            translation   on: TES|RTPS|QIES
            root          root table 0x100000, scalable mode
            queue         128 descriptors of 32 bytes at 0x200000, head 0x40, tail 0x60
            fault status  PPF
            translations  10,000 from the cache, 12 walked
            trouble       1 event, which the log tells

          """)
    }

    @Test(
      "how long it has been serving is said in two units",
      arguments: [
        (0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"), (86_400, "1 d 0 h"), (200 * 86_400 + 7200, "200 d 2 h"),
      ] as [(UInt64, String)])
    func uptime(seconds: UInt64, words: String) {
      let text = ServeStatus(seconds: seconds, devices: [], unit: nil).text(LogStyle())
      #expect(text.hasPrefix("serving for \(words)\n"))
    }

    @Test("what nobody here counts of a device of the host is no number")
    func uncounted() {
      let text = ServeStatus(
        seconds: 0,
        devices: [
          .init(
            function: .init(name: "vfio0", place: "00:08.0", socket: "/v"), kind: "vfio",
            pasidCount: 1, firstPASIDs: [5], pageRequestCount: 3)
        ],
        unit: nil
      ).text(LogStyle())
      #expect(
        text == """
          serving for 0 s
          device  place    client  guest memory  on  PASIDs  DMA        faults     requests
          vfio0   00:08.0  none    -             -   1: 5    uncounted  uncounted  3

          """)
    }

    @Test("a unit that nobody has touched has nothing on, and no trouble")
    func quiet() {
      let text = ServeStatus(
        seconds: 0, devices: [],
        unit: .init(
          function: .init(name: "iommu", place: "00:05.0", socket: "/u"),
          faultStatus: 0x300)
      ).text(LogStyle())
      #expect(
        text.hasSuffix(
          """
            registers     not placed yet
            translation   off
            fault status  none pending
            trouble       none

          """))
    }

    @Test("whoever connects gets one document and the end; many at once, too")
    func socket() async throws {
      let folder = try SocketDirectory(nil)
      defer { folder.remove() }
      let server = try StatusServer(in: folder.path) { Self.status }
      await withTaskGroup(of: [UInt8]?.self) { group in
        for _ in 0..<8 { group.addTask { try? StatusClient.ask(folder.path, patience: 60_000) } }
        for await answer in group { #expect(answer == Self.status.json) }
      }
      server.stop()
      #expect(throws: CallFailure.self) { try StatusClient.ask(folder.path) }
      // What is stopped leaves nothing, so that the folder goes as well.
      folder.remove()
      #expect((try? PathKind(of: folder.path)) == nil)
    }

    @Test("a folder in which a server is at work is refused; one that a dead server left is not")
    func folders() throws {
      let fresh = try SocketDirectory(nil)
      defer { fresh.remove() }
      do {
        let server = try StatusServer(in: fresh.path) { Self.status }
        defer { server.stop() }
        #expect(throws: SocketDirectoryError.inUse(fresh.path)) {
          try SocketDirectory(fresh.path)
        }
      }
      // One that is too busy to answer is no dead one.
      do {
        let path = fresh.path + "/" + StatusServer.fileName
        let busy = try Calls.makeSocket()
        defer { try? Calls.close(busy) }
        try Calls.bind(busy, to: path)
        try Calls.listen(busy, backlog: 1)
        #expect(throws: SocketDirectoryError.inUse(fresh.path)) {
          try SocketDirectory(fresh.path, patience: 1)
        }
        #expect((try? PathKind(of: path)) != nil)
        try Calls.removeFile(path)
      }
      // Bound and never removed.
      let socket = try Calls.makeSocket()
      try Calls.bind(socket, to: fresh.path + "/" + StatusServer.fileName)
      try Calls.close(socket)
      let again = try SocketDirectory(fresh.path + "/")
      #expect(again.path == fresh.path)
      let server = try StatusServer(in: again.path) { Self.status }
      server.stop()
      #expect(throws: SocketDirectoryError.noFolder("/dev/null")) {
        try SocketDirectory("/dev/null")
      }
      let lost = fresh.path + "/a/b"
      let error = #expect(throws: SocketDirectoryError.make(lost, errno: 2)) {
        try SocketDirectory(lost)
      }
      #expect(error?.description.hasSuffix("the folder that it is to be in is not there") == true)
    }

    @Test("a file that took the place of the socket stays when the server ends")
    func replacedSocket() throws {
      let folder = try SocketDirectory(nil)
      let server = try StatusServer(in: folder.path) { Self.status }
      let path = folder.path + "/" + StatusServer.fileName
      try Calls.removeFile(path)
      // Another socket, so that only its identity tells.
      let socket = try Calls.makeSocket()
      defer { try? Calls.close(socket) }
      try Calls.bind(socket, to: path)
      server.stop()
      #expect((try? PathKind(of: path)) != nil)
      try Calls.removeFile(path)
      folder.remove()
    }

    @Test("of two servers that are given one folder at once, one has it, before any socket answers")
    func folderLocks() throws {
      let base = try SocketDirectory(nil)
      defer { base.remove() }
      let path = base.path + "/sockets"
      var first: SocketDirectory? = try SocketDirectory(path)
      #expect(throws: SocketDirectoryError.inUse(path)) { try SocketDirectory(path) }
      #expect(first?.path == path)
      // As when it was killed: nothing is taken away, but the kernel closes what it had.
      first = nil
      let second = try SocketDirectory(path)
      try Calls.removeFolder(second.path)
    }
  }
#endif
