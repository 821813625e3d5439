import HostABI

/// Makes the steps of a sequence, each with an eye on what the steps before it made.
struct SequenceGenerator {
  /// What kinds of steps a sequence is made of.
  package enum Flavour: String, CaseIterable, Sendable {
    case addressSpaces, mock, vfio
  }

  private var random: SplitMix64
  private let templates: [StepTemplate]
  private let weights: [Int]
  private let total: Int
  private let flavour: Flavour
  private let scene: [Step]

  init(seed: UInt64, _ flavour: Flavour) {
    random = SplitMix64(seed: seed)
    self.flavour = flavour
    let names: Set<String> = [
      "ioas", "destroy", "map", "mapfile", "copy", "unmap", "ranges", "allow", "option", "compat",
      "process",
    ]
    templates =
      switch flavour {
      case .addressSpaces: StepTemplates.core.filter { names.contains($0.name) }
      case .mock: StepTemplates.core + StepTemplates.mock
      case .vfio: StepTemplates.core + StepTemplates.vfio
      }
    let scene = random.pick(Scenes.scenes(flavour))
    self.scene = scene.steps
    // Half of the sequences dwell on what their beginning is about.
    let focus: Set<String> = random.chance(50) ? scene.focus : []
    weights = templates.map { focus.contains($0.name) ? $0.weight * 6 : $0.weight }
    total = weights.reduce(0, +)
  }

  /// The next step.
  mutating func next(_ id: Int, _ stock: Stock) -> Step {
    if let step = opening(id) { return step }
    for _ in 0..<8 {
      let template = choose()
      if lacks(template, stock), random.chance(85) { continue }
      return step(id, template, stock)
    }
    return step(id, choose(), stock)
  }

  /// The first steps make what the others need.
  private func opening(_ id: Int) -> Step? {
    guard id <= scene.count else { return nil }
    return scene[id - 1]
  }

  private mutating func choose() -> StepTemplate {
    var at = random.below(total)
    for (template, weight) in zip(templates, weights) {
      at -= weight
      if at < 0 { return template }
    }
    return templates[0]
  }

  private func lacks(_ template: StepTemplate, _ stock: Stock) -> Bool {
    switch template.name {
    case "event", "cache", "hwqueue", "invalidatecache":
      if stock.operands(.viommu).isEmpty { return true }
    case "dirty", "bitmap", "markdirty": if stock.tables(with: 2).isEmpty { return true }
    case "ison", "move", "detach": if stock.pasids.isEmpty { return true }
    default: break
    }
    return template.fields.contains { field in
      switch field.role {
      case .object(let kind) where field.name != "fault": stock.operands(kind).isEmpty
      case .descriptor(let kind): (stock.descriptors[kind] ?? []).isEmpty
      default: false
      }
    }
  }

  // MARK: Operands

  private mutating func step(_ id: Int, _ template: StepTemplate, _ stock: Stock) -> Step {
    var operands = template.parameters.map { field in operand(field, stock) }
    let step = Step(id, template, operands)
    if random.chance(80) { fit(step, stock, &operands) }
    return Step(id, template, operands)
  }

  /// Makes address, length and memory agree with a mapping that is there.
  private mutating func fit(_ step: Step, _ stock: Stock, _ operands: inout [Operand]) {
    func set(_ name: String, _ value: Operand?) {
      if let value, let index = step.template.parameters.firstIndex(where: { $0.name == name }) {
        operands[index] = value
      }
    }
    switch step.template.name {
    case "unmap", "translates", "bitmap", "markdirty", "hwqueue", "get", "put", "pin":
      if ["bitmap", "markdirty"].contains(step.template.name) {
        set("hwpt", pick(stock.tables(with: 2)))
      }
      let table =
        Step(step.id, step.template, operands).operand("ioas")
        ?? Step(step.id, step.template, operands).operand("hwpt")
      let areas = table.map { stock.areas(of: $0) } ?? stock.areas
      guard !areas.isEmpty else { return }
      var area = random.pick(areas)
      if random.chance(20) { trim(&area) }
      set("iova", .number(area.iova))
      if ["unmap", "translates", "bitmap", "markdirty", "pin"].contains(step.template.name) {
        set("length", .number(area.length))
      }
      if let memory = area.memory {
        if step.template.name == "translates" { set("va", .memory(memory)) }
      }
      // No address skips the comparison with the caller's pages.
      if step.template.name == "pin" {
        set("va", random.chance(50) ? .number(0) : area.memory.map(Operand.memory))
      }
      if step.template.name == "unmap", random.chance(10) {
        set("iova", .number(0))
        set("length", .number(.max))
      }
    case "copy":
      guard let source = step.operand("from") else { return }
      let areas = stock.areas(of: source)
      guard !areas.isEmpty else { return }
      var area = random.pick(areas)
      if random.chance(40) { trim(&area) }
      set("source", .number(area.iova))
      set("length", .number(area.length))
    case "hwpt":
      if random.chance(85) { set("parent", pick(stock.operands(.ioas))) }
      let plain: [UInt64] = [0, 8, 8, 8, 1, 9, 2, 10, 3]
      set(
        "flags", .number(random.pick(stock.operands(.fault).isEmpty ? plain : plain + [4, 12, 12])))
    case "hwptdata":
      if random.chance(85) {
        set("parent", pick(stock.tables(with: 1) + stock.operands(.viommu)))
      }
      set("flags", .number(random.pick(stock.operands(.fault).isEmpty ? [0, 8, 8] : [8, 12, 4])))
    case "viommu": set("hwpt", pick(stock.tables(with: 1)))
    case "attach", "attachdevice": set("table", pick(stock.tables(with: 8)))
    case "replace": if random.chance(60) { set("table", pick(stock.tables(with: 8))) }
    case "dirty": set("hwpt", pick(stock.tables(with: 2)))
    case "map":
      guard flavour == .mock, random.chance(80) else { return }
      let place = MockIOMMU.apertureStart &+ UInt64(random.below(48)) &* 4096
      set("iova", .number(place))
      set("length", .number(UInt64(random.below(5) + 1) &* 4096))
      set("va", .memory(UInt64(random.below(56)) &* 4096))
    case "detach", "move", "ison", "fault":
      if step.template.name == "move" { set("table", pick(stock.tables(with: 8))) }
      guard !stock.pasids.isEmpty else { return }
      let entry = random.pick(stock.pasids)
      if step.template.name != "fault" { set("holder", entry.holder) }
      set("pasid", .number(entry.pasid))
      if step.template.name == "ison", random.chance(70) { set("table", entry.table) }
    case "allow":
      let start = MockIOMMU.apertureStart &+ UInt64(random.below(64)) &* 4096
      let last = start &+ UInt64(random.below(16) + 1) &* 4096 &- 1
      set("s0", .number(start))
      set("l0", .number(last))
      set("s1", .number(last &+ UInt64(random.below(3)) &* 4096 &+ 1))
      set("l1", .number(last &+ 0x10000))
    default: break
    }
  }

  private mutating func pick(_ operands: [Operand]) -> Operand? {
    operands.isEmpty ? nil : random.pick(operands)
  }

  private mutating func trim(_ area: inout Stock.Area) {
    let unit: UInt64 = random.chance(50) ? 4096 : 2048
    let cut = unit * UInt64(random.below(3))
    guard area.length > cut else { return }
    if random.chance(50) {
      area.iova &+= cut
      area.memory = area.memory.map { $0 &+ cut }
    }
    area.length -= cut
  }

  private mutating func operand(_ field: StepField, _ stock: Stock) -> Operand {
    switch field.role {
    case .object(let kind): object(stock.operands(kind), stock)
    case .table:
      object(
        stock.operands(.ioas) + stock.operands(.hwpt) + stock.operands(.hwpt)
          + stock.operands(.nested), stock)
    case .parent:
      object(stock.operands(.ioas) + stock.operands(.hwpt) + stock.operands(.viommu), stock)
    case .anyObject: object(stock.all, stock)
    case .descriptor(let kind): descriptor(stock.descriptors[kind] ?? [], kind)
    case .memory: memory()
    case .iova: .number(iova(stock))
    case .length: .number(length())
    case .flags(let known): .number(flags(known))
    case .oneOf(let values):
      values.isEmpty
        ? .result(step: 0, index: 2)
        : .number(
          random.chance(97) ? random.pick(values) : random.next() >> UInt64(random.below(64)))
    case .pasid:
      .number(
        random.chance(80)
          ? UInt64(random.below(5))
          : random.pick([
            7, 1024, 0xF_FFFF, 0x10_0000, 0x10_0001, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
          ]))
    case .size:
      .number(
        random.chance(97)
          ? 0
          : random.pick([4, 8, 12, 15, 16, 20, 24, 28, 31, 32, 36, 40, 44, 47, 48, 68, 72, 100]))
    case .reserved: .number(random.chance(96) ? 0 : random.pick([1, 2, 0x8000_0000]))
    }
  }

  private mutating func object(_ fitting: [Operand], _ stock: Stock) -> Operand {
    let at = random.below(100)
    if at < 84, !fitting.isEmpty { return random.pick(fitting) }
    let all = stock.all
    if at < 92, !all.isEmpty { return random.pick(all) }
    if at < 96, !stock.stale.isEmpty { return random.pick(stock.stale) }
    return .number(random.pick([0, 1, 2, 3, 4, 5, 99, 0x7FFF_FFFF, 0xFFFF_FFFF]))
  }

  private mutating func descriptor(_ fitting: [Operand], _ kind: DescriptorKind) -> Operand {
    let at = random.below(100)
    if at < 94, !fitting.isEmpty { return random.pick(fitting) }
    if kind == .file, at < 97 { return .result(step: 0, index: 1) }
    return .number(0xFFFF_FFFF)
  }

  private mutating func memory() -> Operand {
    let at = random.below(100)
    let page: Int =
      if at < 84 {
        random.below(56)
      } else if at < 92 {
        Arena.readOnly.lowerBound + random.below(14)
      } else if at < 97 {
        Arena.hole.lowerBound + random.below(14)
      } else {
        random.pick([60, 63, 79])
      }
    let offset = random.chance(75) ? 0 : random.pick([2048, 2048, 1, 512, 0x234, 4095])
    return random.chance(1)
      ? .number(random.pick([0, .max - 0xFFE])) : .memory(UInt64(page * 4096 + offset))
  }

  private mutating func iova(_ stock: Stock) -> UInt64 {
    let at = random.below(100)
    if at < 45 {
      let unit: UInt64 = random.chance(70) ? 4096 : 2048
      return MockIOMMU.apertureStart &+ UInt64(random.below(48)) &* unit
    }
    if at < 70, !stock.areas.isEmpty {
      let area = random.pick(stock.areas)
      return area.iova &+ random.pick([0, 0, area.length, 0x1000, 0x800, UInt64.max])
    }
    if at < 85 { return UInt64(random.below(40)) << 12 }
    if at < 90 { return UInt64(random.below(1 << 16)) }
    return random.pick(Self.farIOVAs)
  }

  private static let farIOVAs: [UInt64] = [
    0, .max, .max - 1, .max - 0xFFF, 0x8000_0000, 0x7FFF_F000, 0x100_0000_0000, 0x3F_FFFF_F000,
    0xFEE0_0000, 0xFEDF_F000,
  ]

  private mutating func length() -> UInt64 {
    let at = random.below(100)
    if at < 70 { return UInt64(random.below(6) + 1) << 12 }
    if at < 85 { return UInt64(random.below(12) + 1) << 11 }
    if at < 94 { return UInt64(random.below(10000)) }
    return random.pick([0, 1, .max, .max - 1, 1 << 63, 0x1_0000_0000])
  }

  private mutating func flags(_ known: UInt32) -> UInt64 {
    if random.chance(3) { return UInt64(known) + 1 + UInt64(random.below(4)) }
    // Maps that have no access at all are refused at once: make them rare.
    if known == 7 { return random.pick([7, 7, 7, 6, 6, 5, 3, 2, 4, 1]) }
    return random.next() & UInt64(known) & (random.chance(50) ? random.next() : .max)
  }
}
