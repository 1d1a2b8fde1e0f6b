import Builds
import Logging
import Testing

@testable import RegistryQueryAPI

struct AccessTests {
    private func tokens(_ text: String = TokenTests.good) throws -> (RegistryQueryAPI.Access, ScratchDirectory) {
        let directory = try ScratchDirectory()
        try directory.write(text)
        let store = try TokenStore(
            path: "\(directory.path)/tokens", logger: Logger(label: "test") { _ in LogCollector() })
        return (.tokens(store), directory)
    }

    @Test("with tokens, everything but health and readiness wants one")
    func wantsToken() async throws {
        let (access, directory) = try tokens()
        try await TestService.run(.with(\.access, access)) { service in
            service.registry.setTags(["v1.0.0"], of: "app-example")
            for target in ["/tags/app-example", "/next/app-example", "/builds", "/openapi.yaml", "/nowhere"] {
                let reply = try await service.get(target)
                #expect(reply.status == 401 && reply["www-authenticate"] == "Bearer", "\(target): \(reply)")
                #expect(try reply.code == "unauthorized")
            }
            for wrong in [
                "Bearer wrong-0123456789abcdef", "Bearer", "Bearer ", "Basic viewer-0123456789abcdef",
                "viewer-0123456789abcdef",
                "Bearer viewer-0123456789abcdef x",
            ] {
                let reply = try await service.get("/tags/app-example", ("Authorization", wrong))
                #expect(reply.status == 401, "\(wrong)")
                #expect(reply["www-authenticate"] == "Bearer error=\"invalid_token\"")
            }
            let twice = try await service.get(
                "/tags/app-example", ("Authorization", "Bearer viewer-0123456789abcdef"),
                ("Authorization", "Bearer viewer-0123456789abcdef"))
            #expect(twice.status == 401)
            #expect(try await service.get("/healthz").status == 200)
            #expect([200, 503].contains(try await service.get("/readyz").status))
            for right in ["Bearer viewer-0123456789abcdef", "bearer   viewer-0123456789abcdef"] {
                #expect(try await service.get("/tags/app-example", ("Authorization", right)).status == 200)
            }
            let nowhere = try await service.get("/nowhere", ("Authorization", "Bearer viewer-0123456789abcdef"))
            #expect(nowhere.status == 404)
            #expect(!service.log.text.contains("0123456789abcdef"), "a token was logged")
        }
        withExtendedLifetime(directory) {}
    }

    @Test("a token without the scope is told which, and the name of a caller goes onto the build and into the log")
    func checksScopes() async throws {
        let (access, directory) = try tokens(TokenTests.good + "deployer:build:deployer-0123456789abcdef\n")
        try await TestService.run(.with(\.access, access)) { service in
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
        withExtendedLifetime(directory) {}
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
        }
    }
}
