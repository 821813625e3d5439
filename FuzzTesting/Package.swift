// swift-tools-version: 6.3
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
  .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
  name: "FuzzTesting",
  dependencies: [
    // By name, because the folder of a clone may have any.
    .package(name: "Passage", path: "..")
  ],
  targets: [
    .target(
      name: "FuzzEntries",
      dependencies: [
        .product(name: "Commands", package: "Passage"),
        .product(name: "DeviceModels", package: "Passage"),
        .product(name: "Hardware", package: "Passage"),
        .product(name: "HostABI", package: "Passage"),
        .product(name: "HostSystem", package: "Passage"),
        .product(name: "IOMMU", package: "Passage"),
        .product(name: "PCIe", package: "Passage"),
        .product(name: "Placement", package: "Passage"),
        .product(name: "Serving", package: "Passage"),
        .product(name: "SoftHost", package: "Passage"),
        .product(name: "VFIOUser", package: "Passage"),
        .product(name: "VirtualIOMMU", package: "Passage"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "WriteSeeds",
      dependencies: ["FuzzEntries", .product(name: "PCIe", package: "Passage")],
      swiftSettings: settings),
    .testTarget(name: "CorpusTests", dependencies: ["FuzzEntries"], swiftSettings: settings),
  ]
)

// The fuzzers need libFuzzer for their main function, so only `run` asks for them.
if Context.environment["PASSAGE_LIBFUZZER"] != nil {
  package.targets.append(.systemLibrary(name: "CFuzzer"))
  for name in [
    "DumpText", "WalkInsert", "Placement", "VirtualConfig", "SurveyLine", "JSONFiles",
    "GuestTables", "RequestDoor", "UnitDoor", "OwnWalk", "Accelerator", "UserServer",
    "ServedMachine",
  ] {
    package.targets.append(
      .executableTarget(
        name: "Fuzz\(name)", dependencies: ["CFuzzer", "FuzzEntries"], swiftSettings: settings))
  }
}
