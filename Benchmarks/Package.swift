// swift-tools-version: 6.3
import PackageDescription

// The settings of the package that is measured.
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
  name: "Benchmarks",
  dependencies: [.package(name: "Passage", path: "..")],
  targets: [
    // Counts calls of malloc, which Swift cannot replace.
    .target(name: "Counting"),
    // What the probes in C measure with.
    .target(name: "Figures"),
    // What runs as a program of `passage host`, and the bare notification that it is compared with.
    .executableTarget(name: "HostProbe", dependencies: ["Figures"]),
    // Clients of vfio-user servers, and the bare server that they are compared with.
    .executableTarget(name: "VFIOUserProbe", dependencies: ["Figures"]),
    .executableTarget(
      name: "Benchmarks",
      dependencies: [
        "Counting",
        .product(name: "Commands", package: "Passage"),
        .product(name: "DeviceModels", package: "Passage"),
        .product(name: "Hardware", package: "Passage"),
        .product(name: "HostABI", package: "Passage"),
        .product(name: "HostSystem", package: "Passage"),
        .product(name: "IOMMU", package: "Passage"),
        .product(name: "PCIe", package: "Passage"),
        .product(name: "Placement", package: "Passage"),
        .product(name: "SoftHost", package: "Passage"),
        .product(name: "VFIOUser", package: "Passage"),
        .product(name: "VirtualIOMMU", package: "Passage"),
      ],
      swiftSettings: settings),
  ]
)
