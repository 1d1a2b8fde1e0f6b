import HTTPTransport
import OCIDistribution
import RegistryTesting
import Testing

/// A token server whose signatures Debian's registry checks.
@Suite(.timeLimit(.minutes(5))) struct RealTokenTests {
    private func tokenRegistry(
        _ adjust: (inout TestTokenServer.Behavior) -> Void = { _ in }, tls: TestAuthority? = nil
    ) async throws -> (TestTokenServer, TestRegistry) {
        var behavior = TestTokenServer.Behavior()
        behavior.users = ["builder": "pw"]
        adjust(&behavior)
        let server = try await TestTokenServer.start(behavior, tls: tls)
        let registry = try await TestRegistry.start(.token(server), tls: tls)
        try registry.add(TestImage(), to: "webapp/app", tags: ["v1"])
        return (server, registry)
    }

    @Test(arguments: [["token"], ["access_token"], ["token", "access_token"]])
    func aTokenOfARealTokenServer(fields: [String]) async throws {
        let (server, registry) = try await tokenRegistry {
            $0.fields = fields
            $0.realmQuery = "?tenant=a%20b"
            $0.expiresIn = 300
        }
        defer { server.close() }
        let config = Fixture.auths([(registry.authority, "builder", "pw")])
        try await withClient(of: registry, config: config, realms: realms(server)) {
            fixture in
            for _ in 0..<3 { #expect(try await fixture.client.tags(of: app).tags.count == 1) }
            try await fixture.client.ping()
            let requests = try server.requests()
            #expect(requests.count == 2)
            #expect(
                requests.first?.target
                    == "/token?tenant=a%20b&service=registry.test&scope=repository%3Awebapp%2Fapp%3Apull")
            #expect(requests.allSatisfy { $0.basic == "builder:pw" })
            #expect(lists(registry).map { String($0.suffix(3)) } == ["401", "200", "200", "200"])
        }
    }

    private func realms(_ server: TestTokenServer) -> [RegistryHost] {
        [try? RegistryHost(server.authority)].compactMap(\.self)
    }

    @Test func aTokenServerElsewhereGetsNothingUnlessItIsAllowed() async throws {
        let (server, registry) = try await tokenRegistry()
        defer { server.close() }
        let config = Fixture.auths([(registry.authority, "builder", "pw")])
        try await withClient(of: registry, config: config) { fixture in
            let error = try await failure { _ = try await fixture.client.tags(of: app) }
            #expect(error.code == .untrustedAddress)
            #expect(error.description.contains(server.authority))
            #expect(try server.requests().isEmpty)
        }
    }

    @Test func fewerActionsThanAskedForAreNoLoop() async throws {
        let (server, registry) = try await tokenRegistry { $0.actions = [] }
        defer { server.close() }
        let config = Fixture.auths([(registry.authority, "builder", "pw")])
        try await withClient(of: registry, config: config, realms: realms(server)) {
            fixture in
            let error = try await failure { _ = try await fixture.client.tags(of: app) }
            #expect([.unauthorized, .denied].contains(error.code))
            #expect(try server.requests().count == 1)
            #expect(lists(registry).count == 2)
        }
    }

    @Test func aWrongPasswordAtTheTokenServerIsTold() async throws {
        let (server, registry) = try await tokenRegistry()
        defer { server.close() }
        let config = Fixture.auths([(registry.authority, "builder", "wrong")])
        try await withClient(of: registry, config: config, realms: realms(server)) {
            fixture in
            let error = try await failure { _ = try await fixture.client.tags(of: app) }
            #expect(error.code == .unauthorized)
            #expect(error.description.contains("incorrect username or password"))
            #expect(!error.description.contains("wrong"))
        }
    }

    @Test(arguments: [200, 404])
    func anIdentityTokenByPOSTOrElseThePasswordByGET(postStatus: Int) async throws {
        let (server, registry) = try await tokenRegistry {
            $0.identityTokens = ["refresh/me"]
            $0.postStatus = postStatus
            $0.fields = ["access_token"]
        }
        defer { server.close() }
        let config =
            #"{"auths": {"\#(registry.authority)": {"auth": "\#(basic("builder", "pw"))", "identitytoken": "refresh/me"}}}"#
        try await withClient(of: registry, config: config, realms: realms(server)) {
            fixture in
            #expect(try await fixture.client.tags(of: app).tags.count == 1)
            let requests = try server.requests()
            #expect(requests.map(\.method) == (postStatus == 200 ? ["POST"] : ["POST", "GET"]))
            #expect(
                requests.first?.form == [
                    "grant_type": "refresh_token", "refresh_token": "refresh/me", "client_id": "registry-query",
                    "service": "registry.test", "scope": "repository:webapp/app:pull",
                ])
        }
    }

    @Test func overHTTPSTheTokenServerMustBeTrustedToo() async throws {
        let authority = try await TestAuthority()
        let (server, registry) = try await tokenRegistry(tls: authority)
        defer { server.close() }
        let config = Fixture.auths([(registry.authority, "builder", "pw")])
        let trusting = TLSOptions(certificateAuthorities: authority.certificate)
        try await withClient(
            of: registry, config: config,
            tls: trusting, realms: realms(server)
        ) { fixture in
            let listing = try await fixture.client.tags(of: app)
            #expect(listing.tags.count == 1)
        }
    }
}
