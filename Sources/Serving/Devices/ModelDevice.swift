import DeviceModels
package import HostABI
import HostSystem
package import Hardware
import Synchronization
package import VFIOUser
package import VirtualIOMMU

/// A device model, or a dump, behind a socket.
package final class ModelDevice: UserDevice {
  package let information: UserDeviceInformation
  let port: ServedPort
  let counts: ServedCounts
  let interrupts: ServedInterrupts
  private let name: String
  let model: any DeviceModel
  private let regions: [DeviceRegion?]
  /// Regions that keep what is written, by number.
  private let plain: [PlainRegion?]
  private let config: Mutex<ServedConfig>
  /// Memory that is told over this device's own socket; `nil` behind a unit, which has its own.
  private let memory: ServedMemory?
  private let mapped = Mutex<[UInt64: ClosedRange<UInt64>]>([:])
  private let trace: any ServeTrace
  private let becameBusMaster: @Sendable () -> Void

  /// Puts a model behind a socket.
  ///
  /// - Parameters:
  ///   - name: What the operator calls it.
  ///   - model: The model; not connected yet.
  ///   - endpoint: Where its requests enter the unit.
  ///   - memory: The guest's memory.
  ///   - ownsMemory: Whether that is told over this device's socket.
  ///   - trace: Hears of what happens.
  ///   - becameBusMaster: Hears that messages of others may be able to go over this function's client.
  /// - Throws: ``ServeError`` when no guest could use it, or a region's memory cannot be had.
  init(
    _ name: String, _ model: any DeviceModel, _ endpoint: VTdEndpoint, memory: ServedMemory,
    ownsMemory: Bool, trace: any ServeTrace,
    becameBusMaster: @escaping @Sendable () -> Void = {}
  ) throws(ServeError) {
    let config: ServedConfig
    do throws(ServedConfigError) {
      config = try ServedConfig(model.config, regions: model.regions)
    } catch {
      throw .device(name, "\(error)")
    }
    var regions = [DeviceRegion?](repeating: nil, count: 6)
    var plain = [PlainRegion?](repeating: nil, count: 6)
    for region in model.regions where (0..<6).contains(region.index) {
      regions[region.index] = region
      if region.content == .memory {
        do throws(LinuxErrno) {
          plain[region.index] = try PlainRegion(byteCount: region.byteCount)
        } catch {
          throw .noMemory(device: name, error)
        }
      }
    }
    self.name = name
    self.model = model
    self.regions = regions
    self.plain = plain
    self.trace = trace
    self.becameBusMaster = becameBusMaster
    self.memory = ownsMemory ? memory : nil
    var information = config.information(name: name)
    for (index, region) in plain.enumerated() where index < information.regions.count {
      guard let region else { continue }
      information.regions[index].file = (region.file, 0)
      information.regions[index].flags.insert(.mmap)
    }
    self.information = information
    interrupts = ServedInterrupts(information)
    counts = ServedCounts()
    self.config = Mutex(config)
    port = ServedPort(
      name, endpoint, memory: memory.memory, interrupts, counts: counts, trace: trace)
    model.connect(port)
  }

  /// Lets the model work.
  func start() {
    if let problem = config.withLock({ $0.extendedProblem }) {
      trace.note(.note("none of its extended capabilities is shown: \(problem)"), of: name)
    }
    port.start(model)
  }

  /// Ends the model's work.
  func stop() { port.stop() }

  /// What config space lets the function do.
  var controls: FunctionControls { config.withLock { $0.controls } }

  /// How many ranges its client has told of, and how many bytes they have.
  var mappings: (count: Int, byteCount: UInt64) {
    mapped.withLock { mapped in
      (mapped.count, mapped.values.reduce(0) { $0 &+ ($1.upperBound &- $1.lowerBound &+ 1) })
    }
  }

  private static var configRegion: Int { Int(VFIOPCI.configRegion) }

  // MARK: The client

  package func attached(to peer: any UserPeer) {
    port.connect(peer)
    peer.whenReady(becameBusMaster)
  }

  package func detached() {
    port.connect(nil)
    interrupts.detached()
    restart("its client is gone")
    mapped.withLock { $0 = [:] }
    memory?.removeAll()
    for region in plain { region?.clear() }
  }

  package func map(_ mapping: UserMapping) throws(UserRefusal) {
    try memory?.map(mapping)
    mapped.withLock { $0[mapping.range.lowerBound] = mapping.range }
    trace.note(
      .mapped(
        mapping.range, isReadable: mapping.isReadable, isWritable: mapping.isWritable,
        hasFile: mapping.file != nil), of: name)
  }

  package func unmap(_ range: ClosedRange<UInt64>) {
    memory?.unmap(range)
    mapped.withLock { _ = $0.removeValue(forKey: range.lowerBound) }
    trace.note(.unmapped(range), of: name)
  }

  package func setInterrupts(_ change: UserInterruptChange) throws(LinuxErrno) {
    let active = try interrupts.apply(change)
    trace.note(.interruptsChanged(kind: change.kind, active: active), of: name)
  }

  package func reset() throws(LinuxErrno) { restart("the client") }

  // MARK: Regions

  package func read(
    _ region: Int, at offset: UInt64, into buffer: inout MutableSpan<UInt8>
  ) throws(LinuxErrno) {
    if region == Self.configRegion {
      config.withLock { $0.read(at: Int(offset), into: &buffer) }
    } else if let plain = plainRegion(region) {
      guard plain.read(at: offset, into: &buffer) else { throw .EINVAL }
    } else {
      guard (0..<6).contains(region), regions[region] != nil else { throw .EINVAL }
      counts.add(1, to: .registerReads)
      AlignedAccess.forEach(offset, buffer.count) { place, count in
        let value = model.read(count, at: offset &+ UInt64(place), of: region)
        buffer.store(value, count, at: place)
      }
    }
    if trace.wantsAccesses { note(region, offset, buffer.span, isWrite: false) }
  }

  package func write(
    _ region: Int, at offset: UInt64, _ bytes: Span<UInt8>
  ) throws(LinuxErrno) {
    if trace.wantsAccesses { note(region, offset, bytes, isWrite: true) }
    if region == Self.configRegion {
      writeConfig(Int(offset), bytes)
    } else if let plain = plainRegion(region) {
      guard plain.write(at: offset, bytes) else { throw .EINVAL }
    } else {
      guard (0..<6).contains(region), regions[region] != nil else { throw .EINVAL }
      counts.add(1, to: .registerWrites)
      if bytes.count == 64, offset & 63 == 0 {
        var words = SIMD8<UInt64>.zero
        for index in 0..<8 { words[index] = bytes.little(at: index * 8) ?? 0 }
        model.store(WideBlock(words), at: offset, of: region)
      } else {
        AlignedAccess.forEach(offset, bytes.count) { place, count in
          model.write(
            bytes.value(count, at: place), count, at: offset &+ UInt64(place), of: region)
        }
      }
    }
  }

  private func plainRegion(_ region: Int) -> PlainRegion? {
    (0..<6).contains(region) ? plain[region] : nil
  }

  private func writeConfig(_ offset: Int, _ bytes: Span<UInt8>) {
    let effects = config.withLock { $0.write(at: offset, bytes) }
    if effects.functionReset {
      restart("the guest (function level reset)")
    } else if let controls = effects.controls {
      follow(controls)
    }
  }

  private func follow(_ controls: FunctionControls) {
    port.setControls(controls)
    // A request that was let through before has ended when the guest's write has.
    port.drain()
    model.controlsChanged(controls)
    trace.note(.controls(controls.words), of: name)
    if controls.contains(.busMaster) { becameBusMaster() }
  }

  /// Puts function and config space back to how they were at first.
  private func restart(_ who: String) {
    let controls = config.withLock { config in
      config.reset()
      return config.controls
    }
    port.setControls(controls)
    // Work from before belongs to an epoch that ends before the reset, and what was taken up while
    // it went on to one that ends with it.
    port.advanceEpoch()
    model.reset()
    port.advanceEpoch()
    // What it had asked for is answered to nobody.
    port.waiting.removeAll()
    model.controlsChanged(controls)
    trace.note(.reset(who), of: name)
  }

  private func note(_ region: Int, _ offset: UInt64, _ bytes: Span<UInt8>, isWrite: Bool) {
    trace.note(
      .access(
        region: region, offset: offset, byteCount: bytes.count,
        value: bytes.value(min(8, bytes.count), at: 0), isWrite: isWrite), of: name)
  }
}

extension ModelDevice: VTdDeviceTLB {
  /// The models keep no translations, so that nothing is to be dropped.
  package func invalidate(
    _ range: FirstStageInvalidation, of pasid: PASID?, isGlobal: Bool
  ) -> VTdDeviceAnswer { .done }

  package func respond(_ response: PageGroupResponse) {
    let code: PageResponse.Code =
      switch response.code {
      case .success: .success
      case .invalid: .invalid
      case .failure: .failure
      }
    port.waiting.remove(response.group)
    // Response Failure stands in PRI's status from then on.
    if code == .failure { config.withLock { $0.notePageResponseError(isFailure: true) } }
    model.respond(PageResponse(group: response.group, code))
    trace.note(.pageResponse(group: response.group, code: response.code), of: name)
  }
}

extension FunctionControls {
  /// The controls that are on, in words.
  var words: String { list.isEmpty ? "nothing" : list.joined(separator: ", ") }

  /// The controls that are on, as people call them.
  var list: [String] {
    let names: [(Self, String)] = [
      (.busMaster, "bus master"), (.pasid, "PASID"), (.execute, "execute"),
      (.privileged, "privileged"), (.ats, "ATS"), (.pageRequests, "PRI"),
    ]
    return names.filter { contains($0.0) }.map(\.1)
  }
}
