import HostABI
import Synchronization

/// An object of the kernel, and what has to outlive it.
///
/// Linux destroys nothing in cascade and refuses to destroy what has users. So the dependent keeps
/// what it depends on: the last one to let go of an object destroys it, and only then lets go of
/// the object's own parents. Whatever order owners end in, children go before parents.
final class KernelObject: Sendable {
  private struct State {
    var isThere = true
    var descriptor: Int32?
  }

  let context: IOMMUContext
  let name: IOMMUObject
  let id: UInt32
  /// How a page table was allocated; empty for anything else.
  let options: HWPTFlags
  private let uses: [KernelObject]
  /// A device whose descriptor must not close before this object is gone.
  private let device: DeviceHandle?
  private let state: Mutex<State>

  /// Takes charge of an object that a request has just made.
  init(
    _ name: IOMMUObject, id: UInt32, in context: IOMMUContext, uses: [KernelObject] = [],
    device: DeviceHandle? = nil, options: HWPTFlags = [], descriptor: Int32? = nil
  ) {
    self.context = context
    self.name = name
    self.id = id
    self.options = options
    self.uses = uses
    self.device = device
    state = Mutex(State(descriptor: descriptor))
  }

  deinit {
    // Another thread may be in the middle of a request on the object, so once more is worth it.
    guard let errno = end(), errno != .ENOENT, let again = end(), again != .ENOENT else { return }
    context.recordAbandoned(name)
  }

  /// Destroys the object now; once that has worked, further calls do nothing.
  ///
  /// A descriptor that came with it is closed first, because it counts as a user.
  func destroy() throws(IOMMUError) {
    guard let errno = end() else { return }
    throw IOMMUError(.iommufd(.destroy), errno, [name])
  }

  /// Destroys the object, or says why not.
  private func end() -> LinuxErrno? {
    state.withLock { state in
      if let descriptor = state.descriptor {
        state.descriptor = nil
        try? context.kernel.close(descriptor)
      }
      guard state.isThere else { return nil }
      var argument = DestroyArgument()
      argument.id = id
      do throws(LinuxErrno) {
        _ = try context.kernel.perform(
          IOMMUFDRequest.destroy.number, on: context.descriptor, &argument)
      } catch {
        // What is gone must not be destroyed again: the number may be another object's by then.
        state.isThere = error != .ENOENT
        return error
      }
      state.isThere = false
      return nil
    }
  }
}
