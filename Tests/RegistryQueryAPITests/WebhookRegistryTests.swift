import Builds
import Logging
import Testing

@testable import RegistryQueryAPI

/// What registries tell.
struct WebhookRegistryTests {
    private static let type = "application/vnd.docker.distribution.events.v1+json"

    /// An envelope as CNCF Distribution documents it.
    private func envelope(_ repositories: String..., action: String = "push") -> String {
        let events = repositories.map { repository in
            """
            {"id":"asdf-asdf-asdf-asdf-0","timestamp":"2026-01-02T15:04:05Z","action":"\(action)","target":{"mediaType":\
            "application/vnd.docker.distribution.manifest.v2+json","digest":"sha256:\(String(repeating: "0", count: 64))",\
            "size":1,"length":1,"repository":"\(repository)","url":"http://example.com/v2/x/manifests/y","tag":"v9.9.9"},\
            "request":{"id":"asdf","addr":"client.local","host":"registry.local","method":"PUT","useragent":"test/0.1"},\
            "actor":{"name":"test-actor"},"source":{"addr":"hostname.local:port","instanceID":"a"}}
            """
        }
        return "{\"events\":[\(events.joined(separator: ","))]}"
    }

    @Test("a tag that was pushed by hand shows at once", arguments: ["push", "mount", "delete", "pull", "other"])
    func drops(action: String) async throws {
        try await TestService.run(tagsMaxAge: .seconds(3600)) { service in
            service.registry.setTags(["v1.0.0"], of: "shop")
            #expect(try await service.get("/tags/shop").json["latest"] == "v1.0.0")
            service.registry.setTags(["v1.0.0", "v1.1.0"], of: "shop")
            #expect(try await service.get("/tags/shop").json["latest"] == "v1.0.0", "it is cached")
            let reply = try await service.send(
                "POST", "/webhooks/registry", [("Content-Type", Self.type)],
                body: envelope("webapp/shop", "webapp/shop", action: action))
            #expect(reply.status == 200)
            #expect(try reply.json == ["dropped": ["shop"]])
            #expect(try await service.get("/tags/shop").json["latest"] == "v1.1.0", "and what it said is not believed")
        }
    }

    @Test("repositories of others are of no concern, and neither are events without any")
    func foreign() async throws {
        try await TestService.run { service in
            let reply = try await service.post(
                "/webhooks/registry",
                envelope("other/shop", "webapp", "webapp/", "webapp/shop/cache", "webapp/SHOP", "shop", "webapp/cart"))
            #expect(reply.status == 200)
            #expect(try reply.json == ["dropped": ["cart"]])
            for type in ["application/json", "application/vnd.docker.distribution.events.v2+json; charset=utf-8"] {
                let reply = try await service.send(
                    "POST", "/webhooks/registry", [("Content-Type", type)], body: #"{"events":[],"new":1}"#)
                #expect(try reply.json == ["dropped": []], "\(type)")
            }
        }
    }

    @Test("what is no notification is refused")
    func junk() async throws {
        let cases: [(body: String, code: String, field: JSONValue)] = [
            ("{", "malformed_json", .null), ("[]", "wrong_type", .null), ("{}", "invalid_payload", "$.events"),
            (#"{"events":{}}"#, "invalid_payload", "$.events"), (#"{"events":[1]}"#, "invalid_payload", "$.events[0]"),
            (#"{"events":[{"target":{"repository":"a"}},{}]}"#, "invalid_payload", "$.events[1].target"),
            (#"{"events":[{"target":{"repository":1}}]}"#, "invalid_payload", "$.events[0].target.repository"),
        ]
        try await TestService.run { service in
            for (body, code, field) in cases {
                let reply = try await service.post("/webhooks/registry", body)
                #expect(try reply.status == 400 && reply.code == code, "\(reply)")
                #expect(try reply.json["field"] == field, "\(body)")
            }
            #expect(
                try await service.send("POST", "/webhooks/registry", [("Content-Type", "text/plain")], body: "{}")
                    .status
                    == 415)
        }
    }

    @Test("whoever tells needs a token that may read, where there are tokens")
    func access() async throws {
        let directory = try ScratchDirectory()
        try directory.write("registry:read:registry-0123456789abcdef\n")
        let store = try TokenStore(
            path: "\(directory.path)/tokens", logger: Logger(label: "test") { _ in LogCollector() })
        try await TestService.run(.with(\.access, .tokens(store))) { service in
            let body = envelope("webapp/shop")
            let refused = try await service.post("/webhooks/registry", body)
            #expect(refused.status == 401)
            let token = ("Authorization", "Bearer registry-0123456789abcdef")
            #expect(try await service.post("/webhooks/registry", body, token).status == 200)
        }
        withExtendedLifetime(directory) {}
    }
}
