import CurlTransport
import KubernetesClient
import KubernetesStandIn
import Logging
import Testing

@testable import RegistryQueryAPI

/// Callers with service accounts, over HTTP on both sides: to the service, and from it to an API server.
@Suite(.timeLimit(.minutes(5)))
struct ClusterAccessTests {
    private static let n8n = webToken(1)
    private static let viewer = webToken(2)
    private static let stranger = webToken(3)
    /// n8n's token for the API server.
    private static let ofAPIServer = webToken(4)

    private struct Scene: Sendable {
        var service: TestService
        var standIn: KubernetesStandIn

        func get(_ token: String) async throws -> Reply {
            try await service.get("/tags/app-example", ("Authorization", "Bearer \(token)"))
        }

        func start(_ token: String) async throws -> Reply {
            try await service.post("/builds", "{\"webapp\":\"app-example\"}", ("Authorization", "Bearer \(token)"))
        }
    }

    private func run(tokens: TokenStore? = nil, _ body: @escaping @Sendable (Scene) async throws -> Void) async throws {
        var settings = StandInSettings()
        settings.allowed = [.tokenReviews]
        for (token, account) in [(Self.n8n, "n8n"), (Self.viewer, "viewer"), (Self.stranger, "stranger")] {
            settings.reviewedTokens[token] = ReviewedToken(
                username: "system:serviceaccount:automation:\(account)", audiences: ["registry-query"])
        }
        settings.tokens[Self.ofAPIServer] = "system:serviceaccount:automation:n8n"
        let log = LogCollector()
        let transport = CurlTransport(logger: Logger(label: "test") { _ in log })
        try await KubernetesStandIn.run(settings) { standIn in
            let client = KubernetesClient(
                transport: transport, configuration: try standIn.configuration(), namespace: "build-system",
                logger: Logger(label: "test") { _ in log })
            let accounts = try RegistryQueryAPI.ServiceAccounts(
                "automation/n8n:read,build automation/viewer:read", within: .seconds(600),
                logger: Logger(label: "test") { _ in log }
            ) { try await client.review(token: $0, audiences: $1) }
            try await TestService.run(.with(\.access, .tokens(tokens, accounts))) { service in
                service.registry.setTags(["v1.0.0"], of: "app-example")
                try await body(Scene(service: service, standIn: standIn))
                for token in [Self.n8n, Self.viewer, Self.stranger, Self.ofAPIServer] {
                    for part in token.split(separator: ".").dropFirst() {
                        #expect(!(service.log.text + log.text).contains(part), "a token was logged")
                    }
                }
            }
        }
        await transport.shutDown()
    }

    @Test("an account may do what it was granted, under its own name, and is reviewed once")
    func grants() async throws {
        try await run { scene in
            #expect(try await scene.get(Self.n8n).status == 200)
            let started = try await scene.start(Self.n8n)
            #expect(started.status == 202)
            #expect(try started.json["requestedBy"].string == "automation/n8n")
            #expect(scene.service.log.requests.last?.metadata["caller"] == "automation/n8n")
            #expect(try await scene.get(Self.viewer).status == 200)
            for (token, account) in [(Self.viewer, "automation/viewer"), (Self.stranger, "automation/stranger")] {
                let refused = try await scene.start(token)
                #expect(refused.status == 403)
                #expect(
                    try refused.json["message"].string
                        == "the service account \"\(account)\" lacks the scope build, which API_SERVICE_ACCOUNTS can grant"
                )
                #expect(refused["www-authenticate"] == "Bearer error=\"insufficient_scope\", scope=\"build\"")
            }
            #expect(try await scene.get(Self.stranger).status == 403)
            #expect(scene.standIn.requests.count == 3 && scene.standIn.usedAccess == [.tokenReviews])
        }
    }

    @Test("a token for the API server, a forged one, and what is none get 401 with the ways there are")
    func refuses() async throws {
        let file = try TokenFixture()
        try await run(tokens: file.store) { scene in
            for (token, reviews) in [(Self.ofAPIServer, 1), (webToken(5), 2), ("wrong-0123456789abcdef", 2)] {
                let reply = try await scene.get(token)
                #expect(reply.status == 401 && reply["www-authenticate"] == "Bearer error=\"invalid_token\"")
                #expect(
                    try reply.json["message"].string
                        == "the token is not valid here: send one with the scope read in the one header Authorization: "
                        + "Bearer <token>, which is a token of API_TOKENS_FILE or the token of a Kubernetes service "
                        + "account for the audience \"registry-query\"")
                #expect(scene.standIn.requests.count == reviews)
            }
            // Tokens of the file are nobody else's business.
            #expect(try await scene.get("viewer-0123456789abcdef").status == 200)
            #expect(scene.standIn.requests.count == 2)
            #expect(try await scene.get(Self.n8n).status == 200)
        }
        withExtendedLifetime(file) {}
    }

    @Test("who shows nothing is told the scope and the ways, as they are configured")
    func tellsWays() async throws {
        let file = try TokenFixture()
        let ofFile = "a token of API_TOKENS_FILE"
        let ofAccount = "the token of a Kubernetes service account for the audience \"registry-query\""
        let accounts = try Reviewer { _ in Reviewer.nobody }.accounts()
        for (access, ways) in [
            (file.access, ofFile), (.tokens(nil, accounts), ofAccount),
            (.tokens(file.store, accounts), "\(ofFile) or \(ofAccount)"),
        ] as [(RegistryQueryAPI.Access, String)] {
            try await TestService.run(.with(\.access, access)) { service in
                for (method, target, need) in [
                    ("GET", "/builds", "a token with the scope read is needed"),
                    ("POST", "/builds", "a token with the scope build is needed"),
                    ("DELETE", "/builds/x", "a token with the scope build is needed"),
                    ("PUT", "/builds", "a token is needed"), ("GET", "/nowhere", "a token is needed"),
                ] {
                    let reply = try await service.send(method, target)
                    #expect(reply.status == 401)
                    #expect(
                        try reply.json["message"].string
                            == "\(need): send the header Authorization: Bearer <token>, with \(ways)")
                }
            }
        }
    }

    @Test("without the right to review it is 503 and says which component to apply; file tokens work on")
    func lacksRight() async throws {
        let file = try TokenFixture()
        try await run(tokens: file.store) { scene in
            scene.standIn.withSettings { $0.allowed = [] }
            let reply = try await scene.get(Self.n8n)
            #expect(reply.status == 503 && reply["retry-after"] == "10")
            #expect(try reply.code == "cluster_unavailable")
            #expect(
                try reply.json["message"].string?.contains(
                    "apply the component deploy/kubernetes/components/token-review,")
                    == true)
            #expect(try await scene.get("viewer-0123456789abcdef").status == 200)
            // It works as soon as somebody has applied it.
            scene.standIn.withSettings { $0.allowed = [.tokenReviews] }
            #expect(try await scene.get(Self.n8n).status == 200)
        }
        withExtendedLifetime(file) {}
    }

    @Test("an API server that fails is 503 and never 401, and no failed attempt of the caller")
    func fails() async throws {
        try await run { scene in
            #expect(try await scene.get(Self.viewer).status == 200)
            scene.standIn.inject(.html(500), times: 100)
            for _ in 0..<8 {
                let reply = try await scene.get(Self.n8n)
                #expect(reply.status == 503 && reply["retry-after"] == "1")
                #expect(try reply.code == "cluster_unavailable")
            }
            #expect(try await scene.get(Self.viewer).status == 200, "known for a while")
            #expect(scene.service.log.requests.allSatisfy { $0.metadata["source"] == nil })
        }
    }
}
