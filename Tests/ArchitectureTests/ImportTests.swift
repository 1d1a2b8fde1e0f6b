import Testing

/// Who may import whom.
///
/// The order is the design's: arrows go down only.
private struct Rule {
    var module: String
    /// Modules of this package.
    var ours: Set<String> = []
    /// Modules of other packages.
    var packages: Set<String> = []
    /// Whether it may use the system and the standard library's further modules.
    var usesSystem = true

    static let all = [
        Rule(
            module: "registry-query",
            ours: [
                "RegistryQueryAPI", "Builds", "KubernetesClient", "OCIDistribution", "PrometheusMetrics",
                "CurlTransport", "HTTPTransport", "SemanticVersions",
            ],
            packages: [
                "ArgumentParser", "Configuration", "HTTPTypes", "Logging", "Metrics", "ServiceLifecycle",
                "SystemPackage",
                "UnixSignals", "Yams",
            ]),
        Rule(
            module: "RegistryQueryAPI",
            ours: ["Builds", "KubernetesClient", "OCIDistribution", "HTTPTransport", "SemanticVersions", "CLibcrypto"],
            packages: [
                "HTTPTypes", "Hummingbird", "HummingbirdCore", "Logging", "Metrics", "NIOCore", "NIOPosix",
                "ServiceLifecycle", "SystemPackage",
            ]),
        Rule(
            module: "Builds",
            ours: ["KubernetesClient", "OCIDistribution", "HTTPTransport", "SemanticVersions", "CLibcrypto"],
            packages: ["HTTPTypes", "Logging", "Metrics", "Subprocess", "SystemPackage", "Yams"]),
        Rule(
            module: "KubernetesClient", ours: ["HTTPTransport"],
            packages: ["HTTPTypes", "Logging", "Metrics", "SystemPackage", "Yams"]),
        Rule(
            module: "OCIDistribution", ours: ["HTTPTransport", "CLibcrypto"],
            packages: ["HTTPTypes", "Logging", "Metrics", "Subprocess", "SystemPackage"]),
        Rule(module: "PrometheusMetrics", packages: ["CoreMetrics", "Logging"]),
        Rule(module: "CurlTransport", ours: ["HTTPTransport", "CLibcurl"], packages: ["HTTPTypes", "Logging"]),
        Rule(module: "HTTPTransport", packages: ["HTTPTypes", "Logging"]),
        Rule(module: "SemanticVersions", usesSystem: false),
        Rule(module: "CLibcurl"),
        Rule(module: "CLibcrypto"),
    ]

    /// `Foundation` is missing on purpose: it brings ICU into the process, which costs memory and start-up time.
    static let system: Set = ["FoundationEssentials", "Glibc", "Musl", "Darwin", "Synchronization", "System"]
}

@Suite("Imports follow the design")
struct ImportTests {
    @Test("there is a rule for each module, and no rule without one")
    func rulesCoverTheSources() throws {
        #expect(try Project.directories(in: "Sources") == Rule.all.map(\.module).sorted())
    }

    @Test("the rules themselves only point down")
    func rulesPointDown() {
        for (index, rule) in Rule.all.enumerated() {
            let below = Set(Rule.all[(index + 1)...].map(\.module))
            #expect(rule.ours.isSubset(of: below), "\(rule.module)")
        }
    }

    @Test("a module imports what its rule allows, and nothing else", arguments: Rule.all.map(\.module))
    func importsAreAllowed(module: String) throws {
        let rule = try #require(Rule.all.first { $0.module == module })
        let allowed = rule.ours.union(rule.packages).union(rule.usesSystem ? Rule.system : [])
        for file in try Project.swiftFiles(below: "Sources/\(module)") {
            for statement in ImportStatement.all(in: try Project.text(file), path: file) {
                #expect(allowed.contains(statement.module), "\(statement) is not in the design of \(module)")
            }
        }
    }

    @Test(
        "some modules have exactly one importer",
        arguments: [
            ("Hummingbird", "RegistryQueryAPI"), ("HummingbirdCore", "RegistryQueryAPI"),
            ("NIOCore", "RegistryQueryAPI"), ("NIOPosix", "RegistryQueryAPI"),
            ("CLibcurl", "CurlTransport"), ("CurlTransport", "registry-query"), ("ArgumentParser", "registry-query"),
            ("Configuration", "registry-query"), ("CoreMetrics", "PrometheusMetrics"),
            ("PrometheusMetrics", "registry-query"),
        ])
    func onlyOneImports(module: String, importer: String) {
        let importers = Rule.all.filter { $0.ours.union($0.packages).contains(module) }.map(\.module)
        #expect(importers == [importer])
    }

    @Test(
        "an import is seen however it is written",
        arguments: [
            ("import Builds", "Builds"), ("  internal import Builds", "Builds"),
            ("public import Builds // why", "Builds"),
            ("@testable import Builds", "Builds"), ("@preconcurrency private import Builds", "Builds"),
            ("import struct Foundation.Data", "Foundation"), ("import Builds.Local", "Builds"),
        ])
    func reading(line: String, module: String) {
        #expect(ImportStatement.all(in: "\n\(line)\n", path: "a").map(\.description) == ["a:2: import \(module)"])
    }

    @Test(
        "what only looks like an import is none",
        arguments: ["// import Builds", "let import = 1", "important Builds", ""])
    func notReading(line: String) {
        #expect(ImportStatement.all(in: line, path: "a").isEmpty)
    }
}
