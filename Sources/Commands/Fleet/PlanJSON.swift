import Placement

/// The JSON form of a plan.
///
/// Its keys and their meanings are stable.
public enum PlanJSON {
  /// Writes `{"models":[…]}`.
  ///
  /// - Parameters:
  ///   - plans: The plans.
  ///   - json: Gets the text, with a line end.
  static func write(_ plans: [ModelPlan], to json: inout JSONText) {
    json.object { json in
      json.array("models") { json in
        for plan in plans { write(plan, to: &json) }
      }
    }
    json.endLine()
  }

  private static func write(_ plan: ModelPlan, to json: inout JSONText) {
    json.object { json in
      json.integer("vendorID", plan.model.vendorID)
      json.integer("deviceID", plan.model.deviceID)
      json.integer("revision", plan.model.revision)
      json.integer("members", plan.members)
      json.integer("layouts", plan.layouts?.count)
      InspectJSON.write(plan.decision, to: &json)
      json.array("conflicts") { json in
        for conflict in plan.conflicts {
          json.object { json in
            json.integer("count", conflict.count)
            json.strings("members", conflict.members)
            json.strings("reasons", conflict.reasons.map { "\($0)" })
          }
        }
      }
      guard let rest = plan.withoutConflicts else {
        json.string("withoutConflicts", nil)
        return
      }
      json.object("withoutConflicts") { json in
        json.integer("offset", rest.offset)
        json.string("grade", rest.grade.rawValue)
      }
    }
  }
}
