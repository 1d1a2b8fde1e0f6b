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
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let metricsTestKit = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")

let package = Package(
    name: "registry-query",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "registry-query", targets: ["registry-query"]),
        .executable(name: "kubernetes-stand-in", targets: ["KubernetesStandInServer"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML", "Logging"]),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        .systemLibrary(
            name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "CLibcrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "SemanticVersions", swiftSettings: swiftSettings),
        .target(name: "HTTPTransport", dependencies: [httpTypes], swiftSettings: swiftSettings),
        .target(
            name: "CurlTransport",
            dependencies: ["CLibcurl", "HTTPTransport", httpTypes, logging],
            swiftSettings: swiftSettings),
        .target(
            name: "PrometheusMetrics",
            dependencies: [logging, .product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: swiftSettings),
        .target(
            name: "OCIDistribution",
            dependencies: ["CLibcrypto", "HTTPTransport", httpTypes, logging, metrics, subprocess, systemPackage],
            swiftSettings: swiftSettings),
        .target(
            name: "KubernetesClient",
            dependencies: ["HTTPTransport", httpTypes, logging, metrics, systemPackage, yams],
            swiftSettings: swiftSettings),
        .target(
            name: "Builds",
            dependencies: [
                "CLibcrypto", "HTTPTransport", "KubernetesClient", "OCIDistribution", "SemanticVersions",
                httpTypes, logging, metrics, subprocess, systemPackage, yams,
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "RegistryQueryAPI",
            dependencies: [
                "Builds", "CLibcrypto", "HTTPTransport", "KubernetesClient", "OCIDistribution", "SemanticVersions",
                hummingbird, httpTypes, logging, metrics, systemPackage,
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [
                .embedInCode("Page/page.html"), .embedInCode("Page/page.css"), .embedInCode("Page/base.js"),
                .embedInCode("Page/service.js"), .embedInCode("Page/terminal.js"), .embedInCode("Page/log.js"),
                .embedInCode("Page/chart.js"), .embedInCode("Page/overview.js"), .embedInCode("Page/actions.js"),
                .embedInCode("Page/details.js"), .embedInCode("Page/page.js"),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "registry-query",
            dependencies: [
                "Builds", "CurlTransport", "HTTPTransport", "KubernetesClient", "OCIDistribution", "PrometheusMetrics",
                "RegistryQueryAPI", "SemanticVersions", httpTypes, logging, metrics, systemPackage,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                yams,
            ],
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
            swiftSettings: swiftSettings,
            // The tests put a getaddrinfo of their own in place of the C library's, also for libcurl.
            linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic-symbol=getaddrinfo"])]),
        .testTarget(
            name: "PrometheusMetricsTests",
            dependencies: ["PrometheusMetrics", logging, metrics, subprocess],
            swiftSettings: swiftSettings),
        .target(
            name: "RegistryTesting", dependencies: ["OCIDistribution", logging, subprocess, systemPackage],
            path: "Tests/RegistryTesting",
            swiftSettings: swiftSettings),
        .testTarget(
            name: "OCIDistributionTests",
            dependencies: [
                "CLibcrypto", "CurlTransport", "HTTPTransport", "HTTPTransportTesting", "OCIDistribution",
                "RegistryTesting", httpTypes, logging, metrics, metricsTestKit,
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "KubernetesStandIn",
            dependencies: [
                "KubernetesClient", httpTypes, hummingbird, logging,
                .product(name: "HummingbirdCore", package: "hummingbird"),
            ],
            path: "Tests/KubernetesStandIn", swiftSettings: swiftSettings),
        .executableTarget(
            name: "KubernetesStandInServer",
            dependencies: ["KubernetesClient", "KubernetesStandIn", httpTypes, hummingbird, logging],
            path: "Tests/KubernetesStandInServer", swiftSettings: swiftSettings),
        .testTarget(
            name: "KubernetesClientTests",
            dependencies: [
                "CurlTransport", "HTTPTransport", "HTTPTransportTesting", "KubernetesClient", "KubernetesStandIn",
                httpTypes, logging, metrics, metricsTestKit, yams,
            ],
            exclude: ["Fixtures"], swiftSettings: swiftSettings),
        .target(
            name: "BuilderConformance",
            dependencies: ["Builds", "HTTPTransport", "OCIDistribution", "SemanticVersions"],
            path: "Tests/BuilderConformance", swiftSettings: swiftSettings),
        .testTarget(
            name: "BuildsTests",
            dependencies: [
                "BuilderConformance", "Builds", "CurlTransport", "HTTPTransport", "KubernetesClient",
                "KubernetesStandIn", "OCIDistribution", "RegistryTesting", "SemanticVersions", httpTypes, logging,
                metrics, metricsTestKit, subprocess, systemPackage, yams,
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "RegistryQueryAPITests",
            dependencies: [
                "Builds", "CurlTransport", "HTTPTransport", "KubernetesClient", "KubernetesStandIn", "OCIDistribution",
                "RegistryQueryAPI", "SemanticVersions",
                httpTypes, hummingbird, logging, metrics, metricsTestKit, subprocess, systemPackage,
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "registry-query", "BuilderConformance", "Builds", "CurlTransport", "HTTPTransport",
                "KubernetesClient", "KubernetesStandIn", "OCIDistribution", "PrometheusMetrics", "RegistryQueryAPI",
                "RegistryTesting", "SemanticVersions", httpTypes, logging, metrics, subprocess, systemPackage,
            ],
            swiftSettings: swiftSettings),
        .testTarget(name: "ArchitectureTests", dependencies: [subprocess], swiftSettings: swiftSettings),
    ]
)
