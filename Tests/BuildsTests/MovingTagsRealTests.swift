import CurlTransport
import HTTPTransport
import Logging
import OCIDistribution
import RegistryTesting
import SemanticVersions
import Testing

@testable import Builds

@Suite("Moving tags of Debian's registry", .timeLimit(.minutes(1)))
struct MovingTagsRealTests {
    private static let repository = "webapp/app"

    private func withRegistry(_ body: (TestRegistry, RegistryClient) async throws -> Void) async throws {
        let server = try await TestRegistry.start()
        defer { server.close() }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let transport = CurlTransport(logger: logger)
        let client = RegistryClient(
            configuration: RegistryClient.Configuration(
                registry: try RegistryHost("registry.example"), endpoint: try HTTPURL(server.url)),
            transport: transport, credentials: CredentialStore(directory: nil, logger: logger), logger: logger)
        do {
            try await body(server, client)
        } catch {
            await transport.shutDown()
            throw error
        }
        await transport.shutDown()
    }

    private func served(_ tag: String, _ client: RegistryClient) async throws -> String? {
        try await client.servedDigest(of: try Tag(tag), in: try Repository(Self.repository))?.description
    }

    @Test(
        "they have the digest of the highest release, whatever order builds end in",
        arguments: [
            ["v1.0.0", "v1.1.0", "v2.0.0", "v1.1.1"], ["v2.0.0", "v1.1.1", "v1.1.0", "v1.0.0"],
            ["v1.1.1", "v2.0.0", "v1.0.0", "v1.1.0"], ["v1.1.0", "v3.0.0-rc.1", "v1.0.0", "v1.1.1", "v2.0.0"],
        ], [false, true])
    func anyOrder(versions: [String], isIndex: Bool) async throws {
        try await withRegistry { server, client in
            let tags = try MovingTagsTests.movingTags(client)
            var digests: [String: String] = [:]
            for version in versions {
                let images = ["linux/arm64", "linux/amd64"].map { TestImage(platform: $0, layer: version) }
                digests[version] =
                    try isIndex
                    ? server.addIndex(of: images, to: Self.repository, tags: [version], attestations: true)
                    : server.add(images[0], to: Self.repository, tags: [version])
                let moved = try await MovingTagsTests.advance(tags, after: version)
                let highest = digests.keys.compactMap { VersionTag($0) }.filter { !$0.version.isPrerelease }.max()
                #expect(try await served("latest", client) == highest.flatMap { digests[$0.tag] })
                #expect(moved.allSatisfy { $0.to.description == digests[$0.version.tag] })
            }
            for (tag, version) in [
                "latest": "v2.0.0", "v1": "v1.1.1", "v1.1": "v1.1.1", "v1.0": "v1.0.0", "v2": "v2.0.0",
                "v2.0": "v2.0.0",
            ] {
                #expect(try await served(tag, client) == digests[version], "\(tag)")
            }
            #expect(try await client.tags(of: try Repository(Self.repository)).tags.count == versions.count + 6)
            // Once more costs a listing and HEADs.
            let before = server.requests().count
            #expect(try await MovingTagsTests.advance(tags, after: "v1.1.1").isEmpty)
            let requests = server.requests().dropFirst(before)
            #expect(requests.count { $0.hasPrefix("HEAD ") } == 5)
            #expect(requests.count == 6)
        }
    }

    @Test("the filter decides what counts, and a registry that knows nothing has nothing to move")
    func filter() async throws {
        try await withRegistry { server, client in
            let tags = try MovingTagsTests.movingTags(client, filter: "^v")
            #expect(try await MovingTagsTests.advance(tags, after: "v1.0.0").isEmpty)
            let digest = try server.add(TestImage(layer: "release"), to: Self.repository, tags: ["v1.0.0"])
            try server.add(TestImage(layer: "calendar"), to: Self.repository, tags: ["2024.1.2", "2025"])
            let moved = try await MovingTagsTests.advance(tags, after: "v1.0.0")
            #expect(moved.map(\.tag.name) == ["latest", "v1", "v1.0"])
            #expect(moved.allSatisfy { $0.to.description == digest && $0.from == nil })
            #expect(try await MovingTagsTests.advance(tags, after: "2024.1.2").isEmpty)
            #expect(try await served("latest", client) == digest)
        }
    }
}
