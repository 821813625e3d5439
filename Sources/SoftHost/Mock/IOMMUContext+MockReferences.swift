import HostABI

/// How often pages are held.
extension IOMMUContext {
  /// Compares how many mappings' pages hold each page of the caller's.
  ///
  /// Copies of a mapping, and page tables that show it, hold its pages once.
  func mockCheckReferences(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockCheckReferencesArgument.self)
    guard (argument.length | argument.address) & Page.mask == 0,
      !argument.address.addingReportingOverflow(argument.length).overflow
    else { throw .EINVAL }
    guard argument.length > 0 else { return }
    let counts = PinCounts(host.contexts)
    var done: UInt64 = 0
    while done < argument.length {
      let page = try hostPage(argument.address + done, request.call.memory)
      guard counts.count(at: page) == Int(argument.references) else { throw .EIO }
      done += Page.size
    }
  }
}

/// How many pages objects hold each host page, as steps along the addresses.
private struct PinCounts {
  private var starts: [UInt64] = []
  private var counts: [Int] = []

  init(_ contexts: [IOMMUContext]) {
    var all: [ObjectIdentifier: Pages] = [:]
    for context in contexts {
      for case .ioas(let space) in context.slots {
        // Nothing in here throws.
        try? space.forEachArea { all[ObjectIdentifier($0.pages)] = $0.pages }
      }
    }
    var steps: [UInt64: Int] = [:]
    for pages in all.values {
      for range in pages.heldRanges {
        steps[range.lowerBound, default: 0] += 1
        steps[range.upperBound &+ 1, default: 0] -= 1
      }
    }
    var count = 0
    for start in steps.keys.sorted() {
      count += steps[start] ?? 0
      starts.append(start)
      counts.append(count)
    }
  }

  /// How many hold the page at an address.
  func count(at address: UInt64) -> Int {
    var (low, high) = (0, starts.count)
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] <= address { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? 0 : counts[low - 1]
  }
}
