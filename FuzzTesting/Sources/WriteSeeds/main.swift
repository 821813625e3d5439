import FoundationEssentials
import FuzzEntries

// Writes the hand-made inputs into the folder of corpora that is named as the only argument. The
// files are named after what is special about them; those that a search found bear their hash.
let seeds: [(FuzzTarget, [Seed])] = [
  (.dumpText, DumpSeeds.all),
  (.walkInsert, ConfigSeeds.walks),
  (.placement, ConfigSeeds.placements),
  (.virtualConfig, ConfigSeeds.virtual),
  (.surveyLine, SurveySeeds.all),
  (.jsonFiles, FileSeeds.all),
  (.guestTables, TableSeeds.all),
  (.requestDoor, RequestSeeds.all),
  (.unitDoor, UnitSeeds.all),
  (.ownWalk, OwnWalkSeeds.all),
  (.accelerator, AcceleratorSeeds.all),
  (.userServer, UserSeeds.all),
  (.servedMachine, MachineSeeds.all),
]
guard CommandLine.arguments.count == 2 else { fatalError("usage: WriteSeeds FOLDER") }
for (target, list) in seeds {
  let folder = "\(CommandLine.arguments[1])/\(target.rawValue)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  for seed in list {
    try Data(seed.bytes).write(to: URL(filePath: "\(folder)/\(seed.name)"))
  }
}
