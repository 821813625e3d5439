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
  // Spans handed out by our own types say how long they live.
  .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
  name: "Passage",
  products: [
    .executable(name: "passage", targets: ["passage"]),
    .executable(name: "passage-conformance", targets: ["passage-conformance"]),
    .library(name: "Hardware", targets: ["Hardware"]),
    .library(name: "PCIe", targets: ["PCIe"]),
    .library(name: "Placement", targets: ["Placement"]),
    .library(name: "IOMMU", targets: ["IOMMU"]),
    .library(name: "DeviceModels", targets: ["DeviceModels"]),
    .library(name: "VirtualIOMMU", targets: ["VirtualIOMMU"]),
    .library(name: "Passthrough", targets: ["Passthrough"]),
    // For the packages of this repository that fuzz and measure.
    .library(name: "HostABI", targets: ["HostABI"]),
    .library(name: "SoftHost", targets: ["SoftHost"]),
    .library(name: "LinuxHost", targets: ["LinuxHost"]),
    .library(name: "IOMMUClient", targets: ["IOMMUClient"]),
    .library(name: "HostSystem", targets: ["HostSystem"]),
    .library(name: "HostLab", targets: ["HostLab"]),
    .library(name: "VFIOUser", targets: ["VFIOUser"]),
    .library(name: "Serving", targets: ["Serving"]),
    .library(name: "Commands", targets: ["Commands"]),
  ],
  dependencies: [
    // Command line parsing, help and shell completion: nobody should write these again.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // Descriptors, paths and errno as types, so that HostSystem stays small.
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    .target(name: "Hardware", swiftSettings: settings),
    .target(name: "PCIe", dependencies: ["Hardware"], swiftSettings: settings),
    .target(name: "Placement", dependencies: ["Hardware", "PCIe"], swiftSettings: settings),
    .target(name: "HostABI", swiftSettings: settings),
    .target(name: "IOMMU", dependencies: ["Hardware"], swiftSettings: settings),
    .target(
      name: "DeviceModels", dependencies: ["Hardware", "IOMMU", "PCIe"], swiftSettings: settings),
    .target(
      name: "VirtualIOMMU", dependencies: ["Hardware", "IOMMU"], swiftSettings: settings),
    .target(
      name: "Passthrough",
      dependencies: [
        "Hardware", "HostABI", "IOMMUClient", "PCIe", "Placement", "VirtualIOMMU",
      ],
      swiftSettings: settings),
    .target(
      name: "SoftHost",
      dependencies: ["Hardware", "HostABI", "HostSystem", "IOMMU", "PCIe"],
      swiftSettings: settings),
    // Numbers and calls that the C library's module leaves out.
    .target(name: "CLinux"),
    .target(
      name: "HostSystem",
      dependencies: [
        .target(name: "CLinux", condition: .when(platforms: [.linux])),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .target(
      name: "LinuxHost", dependencies: ["HostABI", "HostSystem"], swiftSettings: settings),
    .target(name: "IOMMUClient", dependencies: ["Hardware", "HostABI"], swiftSettings: settings),
    .target(name: "Conformance", dependencies: ["Hardware", "HostABI"], swiftSettings: settings),
    // What all logs have in common.
    .target(
      name: "LogText",
      dependencies: [
        "Hardware", "HostSystem", .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .target(
      name: "HostLab",
      dependencies: [
        "DeviceModels", "Hardware", "HostABI", "HostSystem", "IOMMU", "LogText", "PCIe",
        "SoftHost",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .target(
      name: "VFIOUser", dependencies: ["Hardware", "HostABI", "HostSystem"],
      swiftSettings: settings),
    .target(
      name: "Serving",
      dependencies: [
        "DeviceModels", "Hardware", "HostABI", "HostSystem", "IOMMU", "IOMMUClient", "LogText",
        "PCIe", "Passthrough", "VFIOUser", "VirtualIOMMU",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .target(
      name: "Commands",
      dependencies: [
        "Conformance", "DeviceModels", "HostABI", "HostLab", "Hardware", "HostSystem", "IOMMU",
        "IOMMUClient", "LinuxHost", "LogText", "PCIe", "Passthrough", "Placement", "Serving",
        "SoftHost",
        "VFIOUser",
        "VirtualIOMMU",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "passage-conformance",
      dependencies: [
        "Conformance", "DeviceModels", "HostABI", "HostLab", "HostSystem", "Hardware",
        "IOMMUClient", "LinuxHost", "PCIe", "Passthrough", "SoftHost", "VirtualIOMMU",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    .executableTarget(name: "passage", dependencies: ["Commands"], swiftSettings: settings),
    .target(
      name: "TestSupport", dependencies: ["HostSystem", "PCIe"], path: "Tests/TestSupport",
      swiftSettings: settings),
    // A guest's driver of a VT-d unit, for tests of what stands behind one.
    .target(
      name: "GuestSupport", dependencies: ["Hardware", "HostABI", "IOMMU", "VirtualIOMMU"],
      path: "Tests/GuestSupport", swiftSettings: settings),
    .testTarget(
      name: "HardwareTests", dependencies: ["Hardware", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "ConformanceTests",
      dependencies: [
        "Conformance", "DeviceModels", "Hardware", "HostABI", "HostLab", "SoftHost",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "DeviceModelsTests",
      dependencies: [
        "DeviceModels", "Hardware", "HostABI", "HostLab", "HostSystem", "IOMMU", "IOMMUClient",
        "PCIe", "SoftHost", "TestSupport",
      ],
      swiftSettings: settings),
    .testTarget(name: "HostABITests", dependencies: ["HostABI"], swiftSettings: settings),
    .testTarget(
      name: "SoftHostTests",
      dependencies: [
        "Hardware", "HostABI", "HostSystem", "IOMMU", "IOMMUClient", "PCIe", "SoftHost",
        "TestSupport",
      ],
      swiftSettings: settings),
    // Launching forks, which wants a process with one thread: the tests start this one.
    .executableTarget(
      name: "launch-probe", dependencies: ["HostLab", "HostSystem"], path: "Tests/LaunchProbe",
      swiftSettings: settings),
    // What tests run under `passage host`: one case of a program's behaviour each.
    .executableTarget(name: "host-probe", path: "Tests/HostProbe"),
    .testTarget(
      name: "HostLabTests",
      dependencies: [
        "Hardware", "HostABI", "HostLab", "HostSystem", "IOMMU", "LogText", "PCIe", "SoftHost",
        "TestSupport", "host-probe", "launch-probe", "passage",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "IOMMUClientTests", dependencies: ["Hardware", "HostABI", "IOMMUClient", "SoftHost"],
      swiftSettings: settings),
    .testTarget(
      name: "LinuxHostTests", dependencies: ["HostABI", "LinuxHost"],
      swiftSettings: settings),
    .testTarget(
      name: "PCIeTests", dependencies: ["Hardware", "PCIe", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "PlacementTests", dependencies: ["Hardware", "PCIe", "Placement", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "IOMMUTests", dependencies: ["HostSystem", "Hardware", "IOMMU", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "VirtualIOMMUTests",
      dependencies: [
        "HostABI", "HostSystem", "Hardware", "IOMMU", "IOMMUClient", "SoftHost", "TestSupport",
        "VirtualIOMMU",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "PassthroughTests",
      dependencies: [
        "GuestSupport",
        "HostABI", "HostSystem", "Hardware", "IOMMU", "IOMMUClient", "PCIe", "Passthrough",
        "Placement", "SoftHost", "TestSupport", "VirtualIOMMU",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "VFIOUserTests",
      dependencies: ["Hardware", "HostABI", "HostSystem", "TestSupport", "VFIOUser"],
      swiftSettings: settings),
    .testTarget(
      name: "ServingTests",
      dependencies: [
        "DeviceModels", "GuestSupport", "Hardware", "HostABI", "HostLab", "HostSystem", "IOMMU",
        "IOMMUClient", "LogText", "PCIe", "Passthrough", "Placement", "Serving", "SoftHost",
        "TestSupport", "VFIOUser", "VirtualIOMMU",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "InputAndFleetTests",
      dependencies: [
        "Commands", "Hardware", "HostSystem", "PCIe", "Placement", "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "CommandsTests",
      dependencies: [
        "Commands", "DeviceModels", "HostABI", "HostLab", "HostSystem", "Hardware", "LogText",
        "PCIe", "Placement", "Serving", "SoftHost", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
  ]
)
