import Builds
import HTTPTypes
import KubernetesClient
import Logging
import Testing

@testable import RegistryQueryAPI

struct AccessTests {
    @Test("with tokens, everything but health and readiness wants one")
    func wantsToken() async throws {
        let file = try TokenFixture()
        try await TestService.run(.with(\.access, file.access)) { service in
            service.registry.setTags(["v1.0.0"], of: "app-example")
            for target in ["/tags/app-example", "/next/app-example", "/builds", "/openapi.yaml", "/nowhere"] {
                let reply = try await service.get(target)
                let challenge = target == "/nowhere" ? "Bearer" : "Bearer scope=\"read\""
                #expect(reply.status == 401 && reply["www-authenticate"] == challenge, "\(target): \(reply)")
                #expect(try reply.code == "unauthorized")
            }
            for wrong in [
                "Bearer wrong-0123456789abcdef", "Bearer", "Bearer ", "Basic viewer-0123456789abcdef",
                "viewer-0123456789abcdef", "Bearer viewer-0123456789abcdef x",
            ] {
                let reply = try await service.get("/tags/app-example", ("Authorization", wrong))
                #expect(reply.status == 401, "\(wrong)")
                #expect(reply["www-authenticate"] == "Bearer error=\"invalid_token\"")
            }
            let twice = try await service.get(
                "/tags/app-example", ("Authorization", "Bearer viewer-0123456789abcdef"),
                ("Authorization", "Bearer viewer-0123456789abcdef"))
            #expect(twice.status == 401)
            #expect(twice["www-authenticate"] == "Bearer error=\"invalid_token\"")
            #expect(try await service.get("/healthz").status == 200)
            #expect([200, 503].contains(try await service.get("/readyz").status))
            for right in ["Bearer viewer-0123456789abcdef", "bearer   viewer-0123456789abcdef"] {
                #expect(try await service.get("/tags/app-example", ("Authorization", right)).status == 200)
            }
            let nowhere = try await service.get("/nowhere", ("Authorization", "Bearer viewer-0123456789abcdef"))
            #expect(nowhere.status == 404)
            #expect(!service.log.text.contains("0123456789abcdef"), "a token was logged")
        }
        withExtendedLifetime(file) {}
    }

    @Test("a token without the scope is told which, and the name of a caller goes onto the build and into the log")
    func checksScopes() async throws {
        let file = try TokenFixture(TokenTests.good + "deployer:build:deployer-0123456789abcdef\n")
        try await TestService.run(.with(\.access, file.access)) { service in
            let viewer = ("Authorization", "Bearer viewer-0123456789abcdef")
            let deployer = ("Authorization", "Bearer deployer-0123456789abcdef")
            let body = "{\"webapp\":\"app-example\"}"
            let refused = [
                try await service.post("/builds", body, viewer),
                try await service.send("DELETE", "/builds/build-app-example-v1-0-0", [viewer]),
            ]
            for reply in refused {
                #expect(reply.status == 403)
                #expect(try reply.json["message"].string?.contains("lacks the scope build") == true)
                #expect(reply["www-authenticate"] == "Bearer error=\"insufficient_scope\", scope=\"build\"")
            }
            #expect(service.builder.all.isEmpty)
            let unread = try await service.get("/builds", deployer)
            #expect(unread.status == 403)
            #expect(try unread.json["message"].string?.contains("lacks the scope read") == true)

            let started = try await service.post("/builds", body, deployer)
            #expect(started.status == 202)
            #expect(try started.json["requestedBy"].string == "deployer")
            #expect(service.log.requests.last?.metadata["caller"] == "deployer")
            #expect(try await service.post("/next/app-example", "{\"commits\":[]}", viewer).status == 200)
        }
        withExtendedLifetime(file) {}
    }

    @Test(
        "without tokens it answers to the names of this machine only",
        arguments: [
            ("localhost", 200), ("LOCALHOST:80", 200), ("127.0.0.1", 200), ("127.1.2.3:8080", 200), ("[::1]:8080", 200),
            ("[::1]", 200),
            ("evil.example", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403),
            ("127.evil.0.1", 403), ("10.0.0.1", 403),
            ("[::2]", 403), ("", 403), ("169.254.169.254", 403),
        ])
    func checksHost(host: String, status: Int) async throws {
        try await TestService.run { service in
            let reply = try await service.send("GET", "/builds", [("Host", host)])
            #expect(reply.status == status, "\(reply)")
            if status == 403 { #expect(try reply.code == "host_not_allowed") }
            #expect(try await service.send("GET", "/healthz", [("Host", host)]).status == 200)
        }
    }

    @Test("without a Host header it answers nobody")
    func wantsHost() async throws {
        try await TestService.run { service in
            let reply = try await service.send("GET", "/builds", [("Host", "-")])
            #expect(reply.status == 403)
        }
    }

    @Test("a web page of another site cannot drive it, its own can")
    func refusesOtherSites() async throws {
        for access in [RegistryQueryAPI.Access.local, .anonymous] {
            try await TestService.run(.with(\.access, access)) { service in
                let own = "http://127.0.0.1:\(service.port)"
                for (headers, isAllowed) in [
                    ([("Origin", "https://evil.example")], false), ([("Origin", "null")], false),
                    ([("Origin", "http://127.0.0.1:1")], false),
                    ([("Sec-Fetch-Site", "cross-site")], false), ([("Sec-Fetch-Site", "same-site")], false),
                    ([("Origin", own), ("Sec-Fetch-Site", "cross-site")], false),
                    ([("Origin", own), ("Sec-Fetch-Site", "same-origin")], true),
                    ([("Sec-Fetch-Site", "none")], true), ([], true),
                ] {
                    let reply = try await service.send("GET", "/builds", headers)
                    #expect(reply.status == (isAllowed ? 200 : 403), "\(headers)")
                    if !isAllowed { #expect(try reply.code == "cross_site_refused") }
                    #expect(!reply.headers.contains { $0.name.hasPrefix("access-control-") })
                    let start = try await service.send(
                        "POST", "/builds", headers + [("Content-Type", "application/json")], body: "{\"webapp\":\"x\"}")
                    #expect(start.status == (isAllowed ? 202 : 403), "\(headers)")
                }
                // What a page may send without asking first.
                for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
                    let headers = type.isEmpty ? [] : [("Content-Type", type)]
                    #expect(
                        try await service.send("POST", "/builds", headers, body: "{\"webapp\":\"x\"}").status == 415)
                }
                let preflight = try await service.send(
                    "OPTIONS", "/builds", [("Access-Control-Request-Method", "POST")])
                #expect(preflight.status == 405)
                #expect(!preflight.headers.contains { $0.name.hasPrefix("access-control-") })
            }
        }
    }

    @Test("no route that is not open or signed can be driven by a web page, and no answer ever lets one read it")
    func guardsEveryRoute() async throws {
        try await TestService.run { service in
            for route in service.routes {
                let target = route.path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }
                    .joined(separator: "/")
                for (headers, code) in [
                    ([("Host", "rebound.evil.example")], "host_not_allowed"),
                    ([("Origin", "https://evil.example")], "cross_site_refused"),
                    ([("Sec-Fetch-Site", "cross-site")], "cross_site_refused"),
                ] {
                    let reply = try await service.send(route.method.rawValue, "/\(target)", headers)
                    #expect(!reply.headers.contains { $0.name.hasPrefix("access-control-") }, "\(route.path)")
                    if case .requires = route.access {
                        #expect(reply.status == 403, "\(route.method) \(route.path) \(headers): \(reply)")
                        #expect(try reply.code == code)
                    }
                }
            }
        }
    }

    @Test("an anonymous service answers to any name")
    func answersAnybody() async throws {
        try await TestService.run(.with(\.access, .anonymous)) { service in
            let reply = try await service.send("GET", "/builds", [("Host", "registry-query.build-system.svc:80")])
            #expect(reply.status == 200)
        }
    }

    @Test(
        "an address that others reach wants tokens or an explicit word",
        arguments: [
            ("127.0.0.1", false, "local"), ("localhost", false, "local"), ("::1", false, "local"),
            ("127.0.0.1", true, "local"),
            ("0.0.0.0", true, "anonymous"), ("0.0.0.0", false, nil), ("10.1.2.3", false, nil), ("::", false, nil),
            ("example.org", false, nil),
        ] as [(String, Bool, String?)])
    func choosesAccess(host: String, allowAnonymous: Bool, expected: String?) throws {
        func access() throws -> RegistryQueryAPI.Access {
            try RegistryQueryAPI.Access(tokens: nil, listeningOn: host, allowAnonymous: allowAnonymous)
        }
        if let expected {
            #expect("\(try access())" == expected)
        } else {
            let error = #expect(throws: InvalidInput.self) { try access() }
            #expect(error?.field == "LISTEN")
            #expect(error?.reason.contains("set API_TOKENS_FILE or API_SERVICE_ACCOUNTS, ") == true)
        }
    }

    @Test("tokens, service accounts, or both: with any of them callers come from anywhere and have names")
    func choosesTokens() throws {
        let file = try TokenFixture()
        let accounts = try RegistryQueryAPI.ServiceAccounts(
            "automation/n8n:read", logger: Logger(label: "test") { _ in LogCollector() }
        ) { _, _ in TokenReview(isAuthenticated: false) }
        for (tokens, accounts) in [(file.store, nil), (nil, accounts), (file.store, accounts)] {
            for host in ["0.0.0.0", "127.0.0.1"] {
                let access = try RegistryQueryAPI.Access(
                    tokens: tokens, serviceAccounts: accounts, listeningOn: host, allowAnonymous: true)
                guard case .tokens(let chosen, let others) = access else {
                    Issue.record("\(access)")
                    continue
                }
                #expect((chosen != nil) == (tokens != nil) && (others != nil) == (accounts != nil))
            }
        }
    }
}
