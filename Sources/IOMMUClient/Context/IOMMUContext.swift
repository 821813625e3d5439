public import HostABI
import Synchronization

/// An open iommufd context: `/dev/iommu`, and everything that is made in it.
///
/// Every owner made from a context keeps it, so the descriptor closes when the last of them is
/// gone. Requests may be made from several threads.
///
/// Owners destroy their kernel object when they end. An object that others still use (a page table
/// with a nested table on it, one that a device is attached to) stays until the last user ends, in
/// whatever order a program lets go of them.
public final class IOMMUContext: Sendable {
  /// The kernel behind the context.
  package let kernel: any HostKernel
  /// The open file.
  package let descriptor: Int32
  /// The node that was opened.
  public let path: String
  let scratch: ScratchPool
  private let abandoned = Mutex<[IOMMUObject]>([])

  /// Opens a context.
  ///
  /// - Parameters:
  ///   - kernel: The kernel that answers.
  ///   - path: The node.
  /// - Throws: ``IOMMUError`` with `ENOENT` when the kernel has no iommufd, and with `EACCES` when
  ///   the node is not for this user.
  public init(on kernel: any HostKernel, path: String = "/dev/iommu") throws(IOMMUError) {
    do throws(LinuxErrno) {
      descriptor = try kernel.open(path)
    } catch {
      throw IOMMUError(.open, error, [.context(path: path)], .contextNode)
    }
    self.kernel = kernel
    self.path = path
    scratch = ScratchPool(kernel)
  }

  /// Takes charge of a descriptor that someone else has opened, for example a supervisor that
  /// passed it over a socket.
  ///
  /// - Parameters:
  ///   - descriptor: The open context; this object closes it.
  ///   - kernel: The kernel that it is open in.
  ///   - path: How errors call it.
  public init(adopting descriptor: Int32, on kernel: any HostKernel, path: String = "/dev/iommu") {
    self.descriptor = descriptor
    self.kernel = kernel
    self.path = path
    scratch = ScratchPool(kernel)
  }

  deinit { try? kernel.close(descriptor) }

  /// Objects that an owner could not destroy at its end; they live until the context closes.
  ///
  /// It stays empty as long as nobody else makes requests on the descriptor, and a device is not
  /// taken away in between.
  public var abandonedObjects: [IOMMUObject] { abandoned.withLock { $0 } }

  func recordAbandoned(_ object: IOMMUObject) { abandoned.withLock { $0.append(object) } }

  /// Makes one request of the context.
  func perform<Argument: WireStructure>(
    _ request: IOMMUFDRequest, _ argument: inout Argument, _ circumstances: Circumstances = [],
    about objects: @autoclosure () -> [IOMMUObject]
  ) throws(IOMMUError) {
    do throws(LinuxErrno) {
      _ = try kernel.perform(request.number, on: descriptor, &argument)
    } catch {
      throw IOMMUError(.iommufd(request), error, objects(), circumstances)
    }
  }
}
