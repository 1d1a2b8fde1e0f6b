import CurlTransport
import Glibc
import HTTPTransport
import OCIDistribution
import RegistryTesting
import Testing

/// Debian's registry, spoken to over real connections: the homelab's kind, htpasswd over plain HTTP under two names.
@Suite(.timeLimit(.minutes(5))) struct RealRegistryTests {
    @Test func htpasswdOverPlainHTTPUnderTwoNames() async throws {
        let registry = try await TestRegistry.start(.htpasswd(["builder": "p:w \u{F6}"]))
        try registry.add(TestImage(), to: "webapp/app", tags: ["v1.0.0", "v1.10.0", "v1.9.0", "latest"])
        // The credentials are those of the outside name; the requests go to the inside one.
        let config = Fixture.auths([("https://registry.k8s-lab.dev/v2/", "builder", "p:w \u{F6}")])
        try await withClient(of: registry, config: config, name: "registry.k8s-lab.dev") { fixture in
            try await fixture.client.ping()
            let listing = try await fixture.client.tags(of: app)
            #expect(Set(listing.tags.map(\.name)) == ["v1.0.0", "v1.10.0", "v1.9.0", "latest"])
            _ = try await fixture.client.tags(of: app)
            // One anonymous try in all: the first.
            #expect(
                registry.requests() == [
                    "GET /v2/ 401", "GET /v2/ 200", "GET /v2/webapp/app/tags/list 200",
                    "GET /v2/webapp/app/tags/list 200",
                ])
        }
    }

    @Test func wrongPasswordsAreAnErrorAndSoIsNoneAtAll() async throws {
        let registry = try await TestRegistry.start(.htpasswd(["builder": "right"]))
        try registry.add(TestImage(), to: "webapp/app", tags: ["v1"])
        try await withClient(of: registry, config: Fixture.auths([(registry.authority, "builder", "wrong")])) {
            fixture in
            let error = try await failure { _ = try await fixture.client.tags(of: app) }
            #expect(error.code == .unauthorized)
            #expect(error.description.contains("UNAUTHORIZED (authentication required)"))
            #expect(error.description.contains("config.json"))
            #expect(lists(registry).count == 2)
            try fixture.directory.write("{}", to: "config.json")
            #expect(try await failure { try await fixture.client.ping() }.code == .unauthorized)
        }
    }

    @Test func aRotatedSecretIsUsedAtOnceAndDuringTheRotationTheOtherEntryHelps() async throws {
        let registry = try await TestRegistry.start(.htpasswd(["builder": "one"]))
        try registry.add(TestImage(), to: "webapp/app", tags: ["v1"])
        let old = (registry.authority, "builder", "one")
        let new = ("http://\(registry.authority)", "builder", "two")
        try await withClient(of: registry, config: Fixture.auths([old])) { fixture in
            #expect(try await fixture.client.tags(of: app).tags.count == 1)
            try await registry.setUsers(["builder": "two"])
            try fixture.directory.write(Fixture.auths([old, new]), to: "config.json")
            #expect(try await fixture.client.tags(of: app).tags.count == 1)
            #expect(try await fixture.client.tags(of: app).tags.count == 1)
            #expect(lists(registry).map { String($0.suffix(3)) } == ["401", "200", "401", "200", "200"])
        }
    }

    // MARK: Listings

    @Test func absentEmptyAndUnsortedRepositories() async throws {
        let registry = try await TestRegistry.start()
        let names = (0..<300).map { "v1.\($0).0" }
        try registry.add(TestImage(), to: "webapp/app", tags: names)
        try registry.add(TestImage(), to: "webapp/emptied", tags: ["v1"])
        try registry.removeTag("v1", from: "webapp/emptied")
        try await withClient(of: registry) { fixture in
            #expect(Set(try await fixture.client.tags(of: app).tags.map(\.name)) == Set(names))
            // The folder of tags is there and empty: the registry answers with null.
            #expect(try await fixture.client.tags(of: try Repository("webapp/emptied")) == TagListing(tags: []))
            let error = try await failure { _ = try await fixture.client.tags(of: try Repository("webapp/new")) }
            #expect(error.code == .nameUnknown)
            #expect(error.description.contains("repository name not known to registry"))
        }
    }

    @Test func tenThousandTagsComeInOneAnswerWhateverPageSizeIsAskedFor() async throws {
        let registry = try await TestRegistry.start()
        let names = (0..<10_000).map { "v\($0 / 1000).\($0 / 10 % 100).\($0 % 10)" }
        try registry.add(TestImage(), to: "webapp/app", tags: names)
        try await withClient(of: registry, pageSize: 100) { fixture in
            let listing = try await fixture.client.tags(of: app)
            #expect(Set(listing.tags.map(\.name)) == Set(names))
            #expect(lists(registry).count == 1)
        }
    }

    @Test func theCatalogIsReadOverAllItsPages() async throws {
        let registry = try await TestRegistry.start()
        let names = (0..<230).map { "webapp/app-\($0)" }
        for name in names { try registry.add(TestImage(), to: name, tags: ["v1"]) }
        try await withClient(of: registry) { fixture in
            let found = try await fixture.client.repositories().map(\.name)
            #expect(Set(found) == Set(names))
            #expect(registry.requests().count { $0.contains("/v2/_catalog") } == 3)
        }
    }

    @Test func theRegistrysOwnRefusalOfANameIsTold() async throws {
        let registry = try await TestRegistry.start()
        try await withClient(of: registry) { fixture in
            let long = try Repository(Array(repeating: "abcdefghijklmnop", count: 15).joined(separator: "/"))
            let error = try await failure { _ = try await fixture.client.tags(of: long) }
            #expect(error.code == .nameUnknown || error.code == .nameInvalid)
        }
    }

    @Test func aRegistryThatHangsOrIsGoneIsAnErrorInTimeAndNeverEmpty() async throws {
        let registry = try await TestRegistry.start()
        try registry.add(TestImage(), to: "webapp/app", tags: ["v1"])
        try await withClient(of: registry, deadline: .milliseconds(300)) { fixture in
            registry.signal(SIGSTOP)
            let hung = try await failure { _ = try await fixture.client.tags(of: app) }
            #expect(hung.code == .timeout)
            registry.signal(SIGCONT)
        }
        // Closed by now.
        try await withClient(of: registry) { fixture in
            let gone = try await failure { _ = try await fixture.client.tags(of: app) }
            #expect(gone.code == .unavailable)
            #expect(gone.isTransient)
        }
    }

    @Test func cancellingAListingEndsItAtOnce() async throws {
        let registry = try await TestRegistry.start()
        try await withClient(of: registry) { fixture in
            registry.signal(SIGSTOP)
            let listing = Task { try await fixture.client.tags(of: app) }
            try await Task.sleep(for: .milliseconds(50))
            listing.cancel()
            // Every limit would end it with another error.
            await #expect(throws: CancellationError.self) { try await listing.value }
        }
    }

    @Test func sixtyFourCallersCostTheRegistryOneListing() async throws {
        let registry = try await TestRegistry.start()
        try registry.add(TestImage(), to: "webapp/app", tags: ["v1"])
        try await withClient(of: registry) { fixture in
            let client = fixture.client
            let shared = SharedTagListings(maxAge: .seconds(60)) { try await client.tags(of: $0) }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<64 { group.addTask { try await shared.listing(of: app).listing.tags.count } }
                for try await count in group { #expect(count == 1) }
            }
            #expect(lists(registry).count == 1)
        }
    }

    // MARK: TLS

    @Test func theCertificateMustBeTrusted() async throws {
        let authority = try await TestAuthority()
        let registry = try await TestRegistry.start(.htpasswd(["builder": "pw"]), tls: authority)
        try registry.add(TestImage(), to: "webapp/app", tags: ["v1"])
        let config = Fixture.auths([(registry.authority, "builder", "pw")])
        let trusting = TLSOptions(certificateAuthorities: authority.certificate)
        try await withClient(of: registry, config: config, tls: trusting) { fixture in
            #expect(try await fixture.client.tags(of: app).tags.count == 1)
            let transport = CurlTransport(logger: .quiet)
            let stranger = try Fixture(transport, config: config, registry: registry.authority, endpoint: registry.url)
            let error = try await failure { _ = try await stranger.client.tags(of: app) }
            #expect(error.code == .tls)
            #expect(!error.isTransient)
            await transport.shutDown()
        }
    }
}
