import BuilderConformance
import CurlTransport
import HTTPTransport
import Logging
import OCIDistribution
import RegistryTesting
import Testing

@testable import Builds

@Suite("The Kubernetes Job builder keeps the contract of builders")
struct KubernetesConformanceTests {
    @Test("with a registry in memory", arguments: BuilderConformance.all)
    func conforms(to rule: BuilderConformance) async throws {
        try await KubernetesHarness.run { harness in try await rule.check(harness) }
    }

    @Test("while every replica keeps its watches open and one of them leads", arguments: BuilderConformance.all)
    func conformsWhileRunning(to rule: BuilderConformance) async throws {
        try await KubernetesHarness.run(runs: true) { harness in try await rule.check(harness) }
    }

    @Test("with a real registry, everything at the same time")
    func conformsWithRealRegistry() async throws {
        let server = try await TestRegistry.start()
        defer { server.close() }
        let transport = CurlTransport(logger: .silent)
        let client = RegistryClient(
            configuration: RegistryClient.Configuration(
                registry: try RegistryHost("registry.example:5115"), endpoint: try HTTPURL(server.url)),
            transport: transport, credentials: CredentialStore(directory: nil, logger: .silent),
            logger: .silent)
        let destination = KubernetesHarness.Destination(registry: client) { image in
            let image = try ImageReference(image)
            return try server.add(
                TestImage(layer: image.description), to: image.repository.name, tags: [image.tag?.name ?? ""])
        }
        try await KubernetesHarness.run(destination: destination) { harness in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for rule in BuilderConformance.all where !rule.restarts {
                    group.addTask { try await rule.check(harness) }
                }
                try await group.waitForAll()
            }
        }
        await transport.shutDown()
    }
}
