extension PCITopology {
  /// Checks what Linux checks of a function's way to the root before it enables PASIDs.
  ///
  /// - Parameters:
  ///   - function: The function.
  ///   - judgement: How Access Control Services are judged.
  /// - Returns: The decision; every obstacle on the way, the nearest first.
  public func pasidPath(
    of function: FunctionID, judging judgement: PASIDPath.Judgement = .offered
  ) -> PASIDPath {
    guard let start = self[function] else { return PASIDPath(obstacles: [.removed]) }
    var obstacles: [PASIDPath.Obstacle] = []
    // Integrated endpoints and root ports answer for themselves; all others need the ports above.
    var needsPrefixes = true
    var at: Function? = start
    while let here = at {
      let above = bridge(above: here)
      let name = label(of: here)
      if let obstacle = redirectionObstacle(of: here.facts, name, judgement) {
        obstacles.append(obstacle)
      } else if needsPrefixes {
        if !here.facts.passesPrefixes {
          obstacles.append(.noPrefixes(name))
        } else if above == nil, !here.facts.kind.isRootForPrefixes {
          obstacles.append(.notIntegrated(name))
        }
      }
      if here.facts.kind.isRootForPrefixes { needsPrefixes = false }
      at = above
    }
    return PASIDPath(obstacles: obstacles)
  }

  /// Why requests could turn off at a function (`pci_acs_path_enabled`).
  private func redirectionObstacle(
    of facts: PCIFunction, _ name: String, _ judgement: PASIDPath.Judgement
  ) -> PASIDPath.Obstacle? {
    switch facts.kind {
    case .conventional, .conventionalBridge: return .conventional(name)
    case .expressToPCIBridge, .pciToExpressBridge, .eventCollector:
      return .notPassable(name, facts.kind)
    case .endpoint, .integratedEndpoint, .upstreamPort:
      // A function that is alone has nobody to turn off to.
      guard facts.isMultiFunction else { return nil }
    case .rootPort, .downstreamPort: break
    }
    guard let services = facts.accessControl else { return .noAccessControl(name) }
    guard judgement == .enabled else { return nil }
    // What is not offered is not demanded either: there is nothing to be redirected then.
    let missing = AccessControl.Services.demandedForPASIDs
      .intersection(services.offered).subtracting(services.enabled)
    return missing.isEmpty ? nil : .accessControlOff(name, missing)
  }
}

extension PCIFunction.Kind {
  /// Whether Linux believes the function's own bit without looking at what is above it.
  fileprivate var isRootForPrefixes: Bool { self == .rootPort || self == .integratedEndpoint }
}
