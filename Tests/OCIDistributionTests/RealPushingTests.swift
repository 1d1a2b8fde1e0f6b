import HTTPTransport
import OCIDistribution
import RegistryTesting
import Testing

/// Tags that Debian's registry is told to move.
@Suite(.timeLimit(.minutes(5))) struct RealPushingTests {
    private static let kinds = [(false, false), (false, true), (true, false), (true, true)]

    @Test(arguments: kinds)
    func aTagIsPointedToTheVeryManifestOfAnother(isIndex: Bool, isDocker: Bool) async throws {
        let registry = try await TestRegistry.start(.htpasswd(["builder": "pw"]))
        let digests = try ["1", "2"].map { name in
            let images = ["linux/arm64", "linux/amd64"].map {
                TestImage(platform: $0, layer: "\(name) for \($0)", isDocker: isDocker)
            }
            return try isIndex
                ? registry.addIndex(of: images, to: "webapp/app", tags: [name], attestations: !isDocker)
                : registry.add(images[0], to: "webapp/app", tags: [name])
        }
        let config = Fixture.auths([(registry.authority, "builder", "pw")])
        try await withClient(of: registry, config: config) { fixture in
            let latest = try Tag("latest")
            // The second time it has it already; the third and fourth move it, forth and back.
            for digest in [digests[0], digests[0], digests[1], digests[0]] {
                let manifest = try await fixture.client.manifest(.digest(try Digest(digest)), in: app)
                #expect(try await fixture.client.tag(manifest, as: latest, in: app).description == digest)
                let served = try await fixture.client.manifest(.tag(latest), in: app)
                #expect(served.bytes == manifest.bytes)
                #expect(served.descriptor == manifest.descriptor)
            }
            #expect(try await fixture.client.tags(of: app).tags.map(\.name).sorted() == ["1", "2", "latest"])
        }
    }

    @Test func whatIsOfAnotherRepositoryIsRefused() async throws {
        let registry = try await TestRegistry.start()
        try registry.add(TestImage(), to: "webapp/app", tags: ["v1.0.0"])
        try registry.add(TestImage(layer: "other"), to: "webapp/other", tags: ["v1.0.0"])
        try await withClient(of: registry) { fixture in
            let other = try Repository("webapp/other")
            let manifest = try await fixture.client.manifest(.tag(try Tag("v1.0.0")), in: other)
            let error = try await failure {
                _ = try await fixture.client.tag(manifest, as: try Tag("latest"), in: app)
            }
            #expect(error.code.rawValue == "MANIFEST_BLOB_UNKNOWN")
            #expect(try await fixture.client.tags(of: app).tags.map(\.name) == ["v1.0.0"])
        }
    }

    @Test func aWrongPasswordIsToldWithTheRightThatItLacks() async throws {
        let registry = try await TestRegistry.start(.htpasswd(["builder": "pw"]))
        try registry.add(TestImage(), to: "webapp/app", tags: ["v1.0.0"])
        let config = Fixture.auths([(registry.authority, "builder", "pw")])
        try await withClient(of: registry, config: config) { fixture in
            let manifest = try await fixture.client.manifest(.tag(try Tag("v1.0.0")), in: app)
            try await registry.setUsers(["builder": "changed"])
            let error = try await failure {
                _ = try await fixture.client.tag(manifest, as: try Tag("latest"), in: app)
            }
            #expect(error.code == .unauthorized)
            #expect(error.advice.contains("they must allow pushing"))
        }
    }

    @Test(arguments: [["pull", "push"], ["pull"]])
    func aTokenMustAllowPushing(actions: [String]) async throws {
        var behavior = TestTokenServer.Behavior()
        behavior.users = ["builder": "pw"]
        behavior.actions = actions
        let server = try await TestTokenServer.start(behavior)
        defer { server.close() }
        let registry = try await TestRegistry.start(.token(server))
        let digest = try registry.add(TestImage(), to: "webapp/app", tags: ["v1.0.0"])
        let config = Fixture.auths([(registry.authority, "builder", "pw")])
        try await withClient(of: registry, config: config, realms: [try RegistryHost(server.authority)]) { fixture in
            let manifest = try await fixture.client.manifest(.tag(try Tag("v1.0.0")), in: app)
            let latest = try Tag("latest")
            if actions.contains("push") {
                #expect(try await fixture.client.tag(manifest, as: latest, in: app).description == digest)
                #expect(try await fixture.client.descriptor(of: latest, in: app)?.digest.description == digest)
            } else {
                let error = try await failure { _ = try await fixture.client.tag(manifest, as: latest, in: app) }
                #expect([.unauthorized, .denied].contains(error.code))
                #expect(error.advice.contains("pushing"), "\(error)")
            }
            let scopes = try server.requests().map { String($0.target.drop { $0 != "&" }) }
            #expect(
                scopes == ["pull", "pull%2Cpush"].map { "&scope=repository%3Awebapp%2Fapp%3A\($0)" })
        }
    }
}
