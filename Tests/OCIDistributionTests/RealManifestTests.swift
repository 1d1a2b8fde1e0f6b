import FoundationEssentials
import OCIDistribution
import RegistryTesting
import Testing

/// Images as Debian's registry serves them.
@Suite(.timeLimit(.minutes(5))) struct RealManifestTests {
    @Test(arguments: [false, true])
    func anImageIsReadWithItsConfiguration(isDocker: Bool) async throws {
        let registry = try await TestRegistry.start()
        let labels = [
            "org.opencontainers.image.revision": "0123abc",
            "org.opencontainers.image.source": "https://git.example/app",
        ]
        let image = TestImage(platform: "linux/arm64/v8", labels: labels, layer: "twelve bytes", isDocker: isDocker)
        let digest = try registry.add(image, to: "webapp/app", tags: ["v1"])
        try await withClient(of: registry) { fixture in
            let tag = try Tag("v1")
            let details = try await fixture.client.image(tag, in: app)
            #expect(details.digest.description == digest)
            #expect(details.mediaType.contains(isDocker ? "docker" : "oci"))
            #expect(details.platforms == ["linux/arm64"])
            #expect(details.revision == "0123abc")
            #expect(details.source == "https://git.example/app")
            #expect(details.labels == labels)
            #expect(details.size > 12)
            #expect(details.createdAt.map { Int($0.timeIntervalSince1970) } == 1_767_323_045)
            let descriptor = try #require(try await fixture.client.descriptor(of: tag, in: app))
            #expect(descriptor.digest == details.digest)
            #expect(descriptor.mediaType == details.mediaType)
            #expect(try await fixture.client.descriptor(of: details.digest, in: app) == descriptor)
            // The look-ups were HEADs only.
            #expect(registry.requests().suffix(2).allSatisfy { $0.hasPrefix("HEAD ") })
        }
    }

    @Test(arguments: [false, true])
    func anIndexIsReadWithItsPlatforms(isDocker: Bool) async throws {
        let registry = try await TestRegistry.start()
        let images = ["linux/arm64", "linux/amd64", "linux/arm/v7"].map {
            TestImage(platform: $0, labels: ["platform": $0], layer: "layer of \($0)", isDocker: isDocker)
        }
        let digest = try registry.addIndex(of: images, to: "webapp/app", tags: ["v1"], attestations: !isDocker)
        try await withClient(of: registry) { fixture in
            let details = try await fixture.client.image(try Tag("v1"), in: app)
            #expect(details.digest.description == digest)
            #expect(details.platforms == ["linux/arm64", "linux/amd64", "linux/arm/v7"])
            #expect(details.labels == ["platform": "linux/arm64"])
            let manifest = try await fixture.client.manifest(.digest(details.digest), in: app)
            guard case .index(let children) = manifest.content else {
                Issue.record("not an index")
                return
            }
            #expect(children.count == (isDocker ? 3 : 6))
        }
    }

    @Test func whatTheRegistryDoesNotHaveIsNilOrAnErrorThatSaysSo() async throws {
        let registry = try await TestRegistry.start()
        try registry.add(TestImage(), to: "webapp/app", tags: ["v1"])
        try await withClient(of: registry) { fixture in
            #expect(try await fixture.client.descriptor(of: try Tag("v2"), in: app) == nil)
            #expect(try await fixture.client.descriptor(of: try Tag("v2"), in: try Repository("webapp/new")) == nil)
            #expect(try await fixture.client.descriptor(of: Digest.sha256(of: []), in: app) == nil)
            let error = try await failure { _ = try await fixture.client.image(try Tag("v2"), in: app) }
            #expect(error.code == .manifestUnknown)
            #expect(error.status == 404)
        }
    }

    @Test func brokenStorageIsNoticed() async throws {
        let registry = try await TestRegistry.start()
        let image = TestImage()
        try registry.add(image, to: "webapp/app", tags: ["v1"])
        let config = try registry.configDigest(of: image)
        let length = try #require(try registry.blob(config)).count
        try registry.corruptBlob(config, with: String(repeating: "x", count: length))
        try await withClient(of: registry) { fixture in
            let error = try await failure { _ = try await fixture.client.image(try Tag("v1"), in: app) }
            #expect(error.code == .malformedAnswer)
            #expect(error.summary.contains(config))
        }
    }
}
