extension AreaMap {
  /// What is wrong with the tree; empty when nothing is.
  ///
  /// For tests; looks at everything.
  package var brokenInvariants: [String] {
    var problems: [String] = []
    guard root >= 0 else { return count == 0 && height == 0 ? [] : ["counts without a root"] }
    var order: [Int] = []
    if summary(under: Int(root), level: height, &order, &problems) != whole {
      problems.append("the root's summary")
    }
    if order.reduce(0, { $0 + leaves.count($1) }) != count { problems.append("the count") }
    for (index, leaf) in order.enumerated() {
      let previous = index == 0 ? NodeKeys.none : Int32(order[index - 1])
      let next = index + 1 == order.count ? NodeKeys.none : Int32(order[index + 1])
      if leaves.previouses[leaf] != previous || leaves.nexts[leaf] != next {
        problems.append("links of leaf \(leaf)")
      }
    }
    if count + leaves.unusedValues.count != leaves.values.count { problems.append("lost values") }
    if order.count + leaves.unused.count != leaves.counts.count { problems.append("lost leaves") }
    return problems
  }

  private func summary(
    under node: Int, level: Int, _ order: inout [Int], _ problems: inout [String]
  ) -> AreaSummary {
    let base = node * (level == 0 ? AreaLeaves<Value>.block : AreaBranches.block)
    let keys = level == 0 ? leaves.words : branches.words
    if keys[base + count(of: node, level: level)..<base + width(level: level)]
      .contains(where: { $0 != NodeKeys.filler })
    {
      problems.append("free slots of node \(node) at level \(level)")
    }
    guard count(of: node, level: level) > 0 else {
      problems.append("node \(node) at level \(level) is empty")
      return AreaSummary(first: 0, last: 0, gap: 0)
    }
    guard level > 0 else {
      order.append(node)
      return leaves.summary(of: node)
    }
    for position in 0..<branches.count(node) {
      let child = branches.child(position, of: node)
      let found = summary(under: child, level: level - 1, &order, &problems)
      if found != branches.summary(ofChild: position, of: node) {
        problems.append("summary of child \(position) of node \(node) at level \(level)")
      }
    }
    return branches.summary(of: node)
  }
}
