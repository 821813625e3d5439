import HostSystem
import PCIe
import SystemPackage

/// Finds the sources that a user names: devices of this machine, files, folders, standard input.
struct SourceLoader {
  /// Where Linux shows the PCI devices of this machine.
  static let systemDevices = "/sys/bus/pci/devices"

  /// Folders within folders that are followed.
  private static let depthLimit = 64

  let handler: any SourceHandler
  var systemDevices = Self.systemDevices

  /// Reads sources in order.
  ///
  /// - Parameter sources: Addresses, paths, or `-` for standard input.
  func load(_ sources: [String]) {
    for source in sources { load(source) }
  }

  private func load(_ source: String) {
    if source == "-" {
      var stream = ByteStream()
      read(&stream, source: "standard input", address: nil, mustHaveDevice: true)
    } else if let address = PCIAddress(source) {
      loadDevice(address)
    } else {
      loadPath(source)
    }
  }

  private func loadDevice(_ address: PCIAddress) {
    let path = "\(systemDevices)/\(address)/config"
    guard (try? PathKind(of: path)) != nil else {
      handler.problem(.noSuchDevice(address))
      return
    }
    _ = loadFile(path, source: "\(address)", address: address, mustHaveDevice: true)
  }

  private func loadPath(_ path: String) {
    do {
      guard try PathKind(of: path) == .folder else {
        let address = path.parentName.flatMap { PCIAddress($0) }
        _ = loadFile(path, source: path, address: address, mustHaveDevice: true)
        return
      }
    } catch {
      handler.problem(error.errno == .noSuchFileOrDirectory ? .noSuchSource(path) : .host(error))
      return
    }
    var found = FolderCount()
    let folder = path.withoutTrailingSlashes
    if let address = folder.lastName.flatMap({ PCIAddress($0) }),
      (try? PathKind(of: "\(folder)/config")) == .file
    {
      loadDeviceFolder(folder, address: address, depth: 0, &found)
    } else {
      loadFolder(folder, depth: 0, &found)
    }
    if found.devices == 0 { handler.problem(.nothing(source: path)) }
    if found.skipped > 0, found.devices > 0 {
      handler.note(
        found.skipped == 1
          ? "\(path): one file holds no device and is left out"
          : "\(path): \(found.skipped) files hold no device and are left out")
    }
  }

  private struct FolderCount {
    var devices = 0
    var skipped = 0
  }

  private func loadFolder(_ path: String, depth: Int, _ found: inout FolderCount) {
    let names: [String]
    do {
      names = try Folder.names(in: path)
    } catch {
      handler.problem(.host(error))
      return
    }
    guard depth < Self.depthLimit else {
      handler.note("\(path): deeper than \(Self.depthLimit) folders, not followed")
      return
    }
    // A folder of the kernel's: reading arbitrary attributes there has effects on devices.
    let isKernels = names.contains("uevent")
    for name in names {
      let child = "\(path)/\(name)"
      if let address = PCIAddress(name) {
        loadDeviceFolder(child, address: address, depth: depth, &found)
        continue
      }
      let kind: PathKind
      do {
        kind = try PathKind(of: child, followingLinks: false)
      } catch {
        // Gone meanwhile, or with a name that is not UTF-8: left out, but not silently.
        handler.problem(.host(error))
        continue
      }
      switch kind {
      case .folder: loadFolder(child, depth: depth + 1, &found)
      case .file where !isKernels:
        let count = loadFile(child, source: child, address: nil, mustHaveDevice: false)
        found.devices += count
        if count == 0 { found.skipped += 1 }
      case .stream, .link: handler.note("\(child): a link or a device, left out")
      case .file: break
      }
    }
  }

  /// A folder with a device's address for a name: its config space, and devices behind a bridge.
  private func loadDeviceFolder(
    _ path: String, address: PCIAddress, depth: Int, _ found: inout FolderCount
  ) {
    let config = "\(path)/config"
    guard (try? PathKind(of: config)) == .file else {
      // A file or folder that only happens to have such a name.
      switch try? PathKind(of: path, followingLinks: false) {
      case .folder: loadFolder(path, depth: depth + 1, &found)
      case .file:
        found.devices += loadFile(path, source: path, address: address, mustHaveDevice: false)
      default: break
      }
      return
    }
    found.devices += loadFile(config, source: path, address: address, mustHaveDevice: false)
    guard (try? PathKind(of: path, followingLinks: false)) == .folder,
      let names = try? Folder.names(in: path), depth < Self.depthLimit
    else { return }
    for name in names {
      guard let behind = PCIAddress(name) else { continue }
      loadDeviceFolder("\(path)/\(name)", address: behind, depth: depth + 1, &found)
    }
  }

  /// Reads one file and says how many devices, lines and problems it held.
  private func loadFile(
    _ path: String, source: String, address: PCIAddress?, mustHaveDevice: Bool
  ) -> Int {
    do {
      var stream = try ByteStream(path: path)
      return read(&stream, source: source, address: address, mustHaveDevice: mustHaveDevice)
    } catch {
      handler.problem(.host(error))
      return 1
    }
  }

  @discardableResult
  private func read(
    _ stream: inout ByteStream, source: String, address: PCIAddress?, mustHaveDevice: Bool
  ) -> Int {
    var reader = SourceReader(
      source: source, address: address, mustHaveDevice: mustHaveDevice, handler: handler)
    do {
      try reader.read(&stream)
    } catch {
      handler.problem(.host(error))
      // What was met is a problem, not a source without devices.
      return max(reader.devices, 1)
    }
    return reader.devices
  }
}

extension String {
  /// The name of the folder that a path lies in.
  fileprivate var parentName: Substring? { split(separator: "/").dropLast().last }

  /// The name of what a path leads to.
  fileprivate var lastName: Substring? { split(separator: "/").last }

  fileprivate var withoutTrailingSlashes: String {
    var path = self
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }
}
