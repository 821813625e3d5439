import Hardware

/// Where the list of a PASID's attachments starts, -1 for none: two loads, no hashing.
///
/// Invalidations name a PASID each, and come by the million. Pages of 1,024 PASIDs are made when one
/// of theirs is first used, and kept.
struct VTdPASIDIndex {
  private var pages: [[Int32]]

  init() { pages = [[Int32]](repeating: [], count: 1024) }

  subscript(_ pasid: PASID) -> Int32 {
    @inline(__always)
    get {
      let page = Int(pasid.rawValue >> 10)
      let index = Int(pasid.rawValue & 1023)
      return index < pages[page].count ? pages[page][index] : -1
    }
    set {
      let page = Int(pasid.rawValue >> 10)
      if pages[page].isEmpty {
        guard newValue >= 0 else { return }
        pages[page] = [Int32](repeating: -1, count: 1024)
      }
      pages[page][Int(pasid.rawValue & 1023)] = newValue
    }
  }
}
