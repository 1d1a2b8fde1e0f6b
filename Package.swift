// swift-tools-version: 6.2

import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "registry-query",
    platforms: [.macOS(.v15)],
    targets: [
        .target(name: "SemanticVersions", swiftSettings: swiftSettings),
        .testTarget(
            name: "SemanticVersionsTests", dependencies: ["SemanticVersions"], swiftSettings: swiftSettings),
    ]
)
