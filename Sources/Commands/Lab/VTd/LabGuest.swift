import Hardware

/// The guest of the lab: its memory, its driver of the unit, its device and its processes.
final class LabGuest {
  let memory: GuestMemory
  let driver: GuestDriver
  /// The machine that it runs on; another one after a migration.
  var machine: LabVirtualMachine
  /// Where its tables have the device, once they do.
  var device: GuestDevice?
  var processes: [GuestProcess] = []

  init(_ machine: LabVirtualMachine, _ memory: GuestMemory, _ seams: SeamLog) {
    self.machine = machine
    self.memory = memory
    driver = GuestDriver(WitnessUnit(machine.unit, seams, memory), memory)
  }

  /// Makes a process.
  func makeProcess(_ pasid: PASID) throws -> GuestProcess {
    try GuestProcess(pasid, in: memory, &driver.pages)
  }
}
