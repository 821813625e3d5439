/// What a sequence made so far, as the first of its kernels answered: what the generator draws on.
struct Stock {
  /// A mapping.
  struct Area {
    var ioas: Operand
    var ioasID: UInt64
    var iova: UInt64
    var length: UInt64
    /// Offset in the arena; `nil` for a file or a copy.
    var memory: UInt64?
  }

  /// Live objects by kind: their ids, and the operands that name them.
  private(set) var objects: [ObjectKind: [(id: UInt64, operand: Operand)]] = [:]
  /// Open files by kind.
  private(set) var descriptors: [DescriptorKind: [Operand]] = [:]
  /// Operands of objects that are gone.
  private(set) var stale: [Operand] = []
  private(set) var areas: [Area] = []
  /// Which IOAS a page table was made on.
  private(set) var ioasOfTable: [UInt64: UInt64] = [:]
  /// Page tables by the flags that they were made with: NEST_PARENT 1, DIRTY_TRACKING 2, PASID 8.
  private(set) var tables: [(operand: Operand, flags: UInt64)] = []
  /// PASIDs that were attached: holder's operand, PASID, table's operand.
  private(set) var pasids: [(holder: Operand, pasid: UInt64, table: Operand)] = []

  init() { descriptors[.file] = [.result(step: 0, index: 0)] }

  /// Operands of live objects of a kind.
  func operands(_ kind: ObjectKind) -> [Operand] { (objects[kind] ?? []).map(\.operand) }

  /// Operands of all live objects.
  var all: [Operand] { objects.values.flatMap { $0.map(\.operand) }.sorted { "\($0)" < "\($1)" } }

  /// The id that an operand names now.
  func id(_ operand: Operand) -> UInt64? {
    for list in objects.values {
      if let found = list.first(where: { $0.operand == operand }) { return found.id }
    }
    return nil
  }

  /// Live page tables that were made with a flag.
  func tables(with flag: UInt64) -> [Operand] {
    tables.filter { $0.flags & flag != 0 && id($0.operand) != nil }.map(\.operand)
  }

  /// Mappings that a page table, or an IOAS, has.
  func areas(of operand: Operand) -> [Area] {
    guard let id = id(operand) else { return [] }
    let ioas = ioasOfTable[id] ?? id
    return areas.filter { $0.ioasID == ioas }
  }

  /// Takes in what a step gave.
  mutating func note(_ step: Step, _ outcome: StepOutcome, on world: World) {
    guard outcome.worked else { return }
    for (index, result) in step.template.results.enumerated() {
      let operand = Operand.result(step: step.id, index: index)
      guard let value = world.result(step.id, index) else { continue }
      if let kind = result.object { add(kind, value, operand) }
      if let kind = result.descriptor { descriptors[kind, default: []].append(operand) }
    }
    switch step.template.name {
    case "map", "mapfile", "copy": addArea(step, world)
    case "unmap": removeAreas(step, world)
    case "destroy": remove(step, world)
    case "hwpt", "hwptdata", "plainhwpt":
      guard let parent = step.operand("parent"), let own = world.result(step.id, 0) else { break }
      if let ioas = objects[.ioas]?.first(where: { $0.operand == parent }) {
        ioasOfTable[own] = ioas.id
      }
      // A nested table is not what a plain one is, and the other way round.
      let isPaging = ioasOfTable[own] != nil
      move(own, to: isPaging ? .hwpt : .nested)
      if case .number(let flags)? = step.operand("flags") {
        tables.append((.result(step: step.id, index: 0), isPaging ? flags : flags & 8))
      }
    case "device":
      guard let table = step.operand("table"), let own = world.result(step.id, 2) else { break }
      if let ioas = objects[.ioas]?.first(where: { $0.operand == table }) {
        ioasOfTable[own] = ioas.id
      }
    case "attach", "attachdevice":
      guard let holder = step.operand("holder") ?? step.operand("file"),
        let table = step.operand("table"), case .number(let pasid)? = step.operand("pasid")
      else { break }
      pasids.append((holder, pasid, table))
    case "close", "closeevents", "closeaccess", "closedevice":
      guard let file = step.operand("file") else { break }
      for kind in descriptors.keys { descriptors[kind]?.removeAll { $0 == file } }
    default: break
    }
  }

  private mutating func add(_ kind: ObjectKind, _ id: UInt64, _ operand: Operand) {
    for key in objects.keys { objects[key]?.removeAll { $0.id == id } }
    objects[kind, default: []].append((id, operand))
  }

  private mutating func move(_ id: UInt64, to kind: ObjectKind) {
    for key in objects.keys {
      guard let index = objects[key]?.firstIndex(where: { $0.id == id }),
        let entry = objects[key]?.remove(at: index)
      else { continue }
      objects[kind, default: []].append(entry)
      return
    }
  }

  private mutating func remove(_ step: Step, _ world: World) {
    guard let operand = step.operand("id"), let id = id(operand) else { return }
    for key in objects.keys { objects[key]?.removeAll { $0.id == id } }
    stale.append(operand)
    areas.removeAll { $0.ioasID == id }
    ioasOfTable[id] = nil
    pasids.removeAll { $0.holder == operand }
  }

  private mutating func addArea(_ step: Step, _ world: World) {
    guard let ioas = step.operand("ioas") ?? step.operand("to"), let ioasID = id(ioas),
      let iova = world.result(step.id, 0), case .number(let length)? = step.operand("length")
    else { return }
    var memory: UInt64?
    if case .memory(let offset)? = step.operand("va") { memory = offset }
    if step.template.name == "copy", let source = step.operand("from"),
      case .number(let from)? = step.operand("source"),
      let area = areas(of: source).first(where: {
        $0.iova <= from && from &- $0.iova < $0.length
      })
    {
      memory = area.memory.map { $0 &+ (from &- area.iova) }
    }
    areas.append(Area(ioas: ioas, ioasID: ioasID, iova: iova, length: length, memory: memory))
  }

  private mutating func removeAreas(_ step: Step, _ world: World) {
    guard let ioas = step.operand("ioas"), let id = id(ioas),
      case .number(let iova)? = step.operand("iova"),
      case .number(let length)? = step.operand("length")
    else { return }
    areas.removeAll {
      $0.ioasID == id && (length == .max || ($0.iova >= iova && $0.iova &- iova < length))
    }
  }
}
