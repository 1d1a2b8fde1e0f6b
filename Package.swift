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

let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "registry-query",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .target(name: "SemanticVersions", swiftSettings: swiftSettings),
        .target(name: "HTTPTransport", dependencies: [httpTypes, logging], swiftSettings: swiftSettings),
        .target(
            name: "CurlTransport",
            dependencies: ["CLibcurl", "HTTPTransport", httpTypes, logging],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SemanticVersionsTests", dependencies: ["SemanticVersions"], swiftSettings: swiftSettings),
        .target(
            name: "HTTPTransportTesting", dependencies: ["HTTPTransport", httpTypes],
            path: "Tests/HTTPTransportTesting", swiftSettings: swiftSettings),
        .testTarget(
            name: "HTTPTransportTests", dependencies: ["HTTPTransport", "HTTPTransportTesting", httpTypes],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CurlTransportTests",
            dependencies: ["CLibcurl", "CurlTransport", "HTTPTransport", "HTTPTransportTesting", httpTypes, logging],
            swiftSettings: swiftSettings),
    ]
)
