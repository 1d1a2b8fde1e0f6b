import Builds
import FoundationEssentials
import HTTPTypes
import Logging
import Testing

@testable import RegistryQueryAPI

/// How a delivery of GitHub is taken, before anything is built.
struct WebhookDeliveryTests {
    private let push = PushPayload(.init("fix: x", "shop/index.html"))

    private func signature(_ text: String) -> GitHubSignature? {
        var headers = HTTPFields()
        headers.set("X-Hub-Signature-256", text)
        return GitHubSignature(headers)
    }

    @Test("the signature is GitHub's: its own example, and any secret of the file")
    func signatures() throws {
        let body = Array("Hello, World!".utf8)
        let documented = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        #expect(GitHubStub.signature(body) == documented)
        let secrets = try GitHubStub.webhook(secrets: ["another-0123456789", "", GitHubStub.secret]).secrets
        func verify(_ text: String, _ body: [UInt8]) -> Bool {
            signature(text).map { secrets.verify($0, of: body) } ?? false
        }
        #expect(verify(documented, body) && verify(documented.replacing("757107ea", with: "757107EA"), body))
        #expect(verify(GitHubStub.signature(body, secret: "another-0123456789"), body))
        #expect(!verify(documented, body + [0x0a]) && !verify(documented, [0x20] + body) && !verify(documented, []))
        #expect(!verify(GitHubStub.signature(body, secret: "wrong-0123456789ab"), body))
        #expect(!verify(GitHubStub.signature(body, secret: ""), body))
        for broken in [
            "", "sha256=", String(documented.dropLast()), documented + "0", documented.replacing("757", with: "75g"),
            String(documented.dropFirst(7)), "sha1=" + documented.dropFirst(7),
            "sha256=\u{e9}" + documented.dropFirst(9),
        ] {
            #expect(!verify(broken, body), "\(broken)")
        }
    }

    @Test("secrets are read again when the file changes; a file that cannot be used shows nothing of itself")
    func secretFiles() throws {
        let directory = try ScratchDirectory()
        let path = "\(directory.path)/secret"
        let clock = StillClock()
        let logger = Logger(label: "test") { _ in LogCollector() }
        let signed = try #require(
            signature(GitHubStub.signature([1], secret: "new-secret-0123456789")))
        try directory.write("  \(GitHubStub.secret)\r\n\n", to: "secret")
        let secrets = try GitHubWebhookSecrets(path: path, logger: logger, clock: clock)
        #expect(!secrets.verify(signed, of: [1]))
        try directory.write("new-secret-0123456789", to: "secret")
        clock.advance(by: .seconds(2))
        #expect(secrets.verify(signed, of: [1]))
        try directory.write("short", to: "secret")
        clock.advance(by: .seconds(2))
        #expect(secrets.verify(signed, of: [1]), "a bad file leaves the old secrets in force")
        for (text, reason) in [
            ("", "no secret"), ("\n \n", "no secret"), ("fine-0123456789-fine\nhushhush", "line 2"),
            ("\u{0}", "line 1"),
        ] {
            try directory.write(text, to: "secret")
            #expect {
                try GitHubWebhookSecrets(path: path, logger: logger)
            } throws: { error in
                "\(error)".hasPrefix("GITHUB_WEBHOOK_SECRET_FILE \(path)") && "\(error)".contains(reason)
                    && !"\(error)".contains("hush") && !"\(error)".contains("fine-")
            }
        }
        #expect(throws: GitHubWebhookSecretsError.self) { try GitHubWebhookSecrets(path: path + "x", logger: logger) }
    }

    @Test("nothing of a delivery is looked at before its signature is right")
    func signatureFirst() async throws {
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook())) { service in
            let text = push.text
            for body in [text, "{", "", #"{"ref":1}"#] {
                for (event, contentType) in [("push", "application/json"), ("", "text/plain")] {
                    let reply = try await service.deliver(
                        body, event: event, secret: "wrong-0123456789ab", contentType: contentType)
                    #expect(reply.status == 401, "\(reply)")
                    #expect(try reply.code == "invalid_signature")
                }
            }
            for other in [text + "\n", " " + text, text.replacing(",", with: ", ")] {
                let reply = try await service.send(
                    "POST", "/webhooks/github",
                    [
                        ("Content-Type", "application/json"), ("X-GitHub-Event", "push"),
                        ("X-Hub-Signature-256", GitHubStub.signature(Array(text.utf8))),
                    ], body: other)
                #expect(reply.status == 401, "bytes count, not what they mean")
            }
            let unsigned = try await service.post("/webhooks/github", text, ("X-GitHub-Event", "push"))
            #expect(unsigned.status == 401 && unsigned["connection"] == "close")
            let old = ("X-Hub-Signature", "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6")
            #expect(try await service.post("/webhooks/github", text, ("X-GitHub-Event", "push"), old).status == 401)
            #expect(service.builder.all.isEmpty && service.registry.asked.allSatisfy { $0 == "/v2/" })
            #expect(try await service.deliver(push).status == 200)
            #expect(!service.log.text.contains("Everybody"), "the secret was logged")
        }
    }

    /// Begins twenty deliveries whose bodies never arrive whole.
    private func beginDeliveries(ofBytes length: Int, to service: TestService) async throws -> [Connection] {
        var connections: [Connection] = []
        for _ in 0..<20 {
            let connection = try Connection(port: service.port)
            await connection.send(
                "POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "X-GitHub-Event: push\r\nX-Hub-Signature-256: sha256=\(String(repeating: "0", count: 64))\r\n"
                    + "Content-Length: \(length)\r\n\r\n{")
            connections.append(connection)
        }
        return connections
    }

    @Test("large bodies that never arrive keep no large push out; those that break off are failed attempts")
    func unfinishedBodies() async throws {
        // None of them is late before the end of the test.
        let webhook = try GitHubStub.webhook(paths: "shop", answerWithin: .seconds(60))
        var configuration = GitHubStub.configuration(webhook)
        configuration.answerWithin = .seconds(60)
        let clock = StillClock()
        configuration.clock = clock
        try await TestService.run(configuration) { service in
            let hostile = try await beginDeliveries(ofBytes: webhook.maximumBodyBytes, to: service)
            let large = PushPayload(.init("fix: \(String(repeating: "x", count: 300_000))", "shop/index.html"))
            #expect(try await service.deliver(large).status == 200)
            for connection in hostile.prefix(3) { connection.close() }
            try await eventually("broken off") {
                service.log.requests.count { $0.metadata["problem"] == "malformed_request" } == 3
            }
            let broken = service.log.requests.filter { $0.metadata["problem"] == "malformed_request" }
            #expect(broken.allSatisfy { $0.level == .info && $0.metadata["source"] == "127.0.0.1" })
            // Five of a source are answered at once, and three of them were those.
            let wrong = "wrong-0123456789ab"
            for _ in 0..<2 { #expect(try await service.deliver(push.text, secret: wrong).status == 401) }
            async let sixth = service.deliver(push.text, secret: wrong)
            try await eventually("the sixth waits") { clock.sleeperCount == 1 }
            clock.advance(by: .seconds(8))
            #expect(try await sixth.status == 401)
            for connection in hostile { connection.close() }
            try await eventually("nothing is left that the shutdown would wait for") {
                clock.advance(by: .seconds(8))
                return service.log.requests.count == hostile.count + 4
            }
        }
    }

    @Test("large bodies that are late are failed attempts of their source")
    func lateBodies() async throws {
        var configuration = GitHubStub.configuration(try GitHubStub.webhook(answerWithin: .milliseconds(500)))
        let clock = StillClock()
        configuration.clock = clock
        try await TestService.run(configuration) { service in
            let hostile = try await beginDeliveries(ofBytes: 300_000, to: service)
            // Whichever comes first: five are answered at once, and five fit into the 8 s ahead.
            try await eventually("all are late, and some wait or are refused") {
                clock.sleeperCount == 5
                    && service.log.requests.count { $0.metadata["problem"] == "request_timeout" } == 5
                    && service.log.requests.count { $0.metadata["problem"] == "too_many_failures" } == 10
            }
            clock.advance(by: .seconds(8))
            var statuses: [Int] = []
            for connection in hostile { statuses.append(try Reply(try await connection.readAll()).status) }
            #expect(statuses.sorted() == Array(repeating: 408, count: 10) + Array(repeating: 429, count: 10))
        }
    }

    @Test("without a secret there is no such webhook, whoever asks; a browser or another Host gets no further with one")
    func unconfigured() async throws {
        try await TestService.run { service in
            let reply = try await service.deliver(push)
            #expect(try reply.status == 404 && reply.code == "webhook_unconfigured")
            #expect(try reply.json["message"].string?.contains("GITHUB_WEBHOOK_SECRET_FILE") == true)
        }
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook())) { service in
            let text = push.text
            let reply = try await service.send(
                "POST", "/webhooks/github",
                [
                    ("Content-Type", "application/json"), ("X-GitHub-Event", "push"), ("Host", "hooks.example.org"),
                    ("X-Hub-Signature-256", GitHubStub.signature(Array(text.utf8))),
                ], body: text)
            #expect(reply.status == 200, "GitHub calls the service by its public name")
            #expect(try await service.get("/webhooks/github").status == 405)
        }
    }

    @Test("events and references that lead to no build say why")
    func ignores() async throws {
        let deleted = PushPayload().with {
            $0.after = String(repeating: "0", count: 40)
            $0.changes = ["deleted": true]
        }
        let rewound = PushPayload().with { $0.changes = ["forced": true, "head_commit": push.commits[0].json] }
        // A branch that was made anew at an old commit.
        let remade = PushPayload().with { $0.changes = ["created": true, "head_commit": push.commits[0].json] }
        let cases = [
            (push.with { $0.ref = "refs/tags/v1.0.0" }, "is a tag"),
            (push.with { $0.ref = "refs/heads/test" }, "only refs/heads/main is"), (deleted, "was deleted"),
            (rewound, "brought no commit"), (remade, "brought no commit"),
        ]
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook())) { service in
            for (payload, reason) in cases {
                let reply = try await service.deliver(payload)
                #expect(reply.status == 200)
                #expect(try reply.json.names == ["event", "ignored"] && reply.json["event"] == "push")
                #expect(try reply.json["ignored"].string?.contains(reason) == true, "\(reply)")
            }
            for event in ["issues", "workflow_run", "check_suite"] {
                let reply = try await service.deliver("{}", event: event)
                #expect(reply.status == 200)
                #expect(try reply.json["event"].string == event)
                #expect(try reply.json["ignored"].string?.contains(event) == true)
            }
            let ping = try await service.deliver(#"{"zen":"Keep it logically awesome.","hook_id":1}"#, event: "ping")
            #expect(ping.status == 200)
            #expect(try ping.json.names == ["event", "message"] && ping.json["event"] == "ping")
            #expect(service.builder.all.isEmpty)
        }
        let other = try GitHubStub.webhook(url: "https://github.com/example/other.git")
        try await TestService.run(GitHubStub.configuration(other)) { service in
            let reply = try await service.deliver(push)
            #expect(try reply.json["ignored"].string?.contains("another repository") == true)
        }
    }

    @Test("a malformed payload with a right signature is told where")
    func malformed() async throws {
        let text = push.text
        let long = String(repeating: "a", count: 40)
        let cases: [(body: String, field: String)] = [
            ("", "$"), ("{", "$"), ("[]", "$"), ("null", "$"), ("\u{feff}{}", "$"), ("{}", "$.repository"),
            (text.replacing(#""full_name":"example/webapps""#, with: #""full_name":null"#), "$.repository.full_name"),
            (text.replacing(#""ref":"refs/heads/main""#, with: #""ref":7"#), "$.ref"),
            (text.replacing(#""before":""#, with: #""before":"x"#), "$.before"),
            (text.replacing(#""after":"bb"#, with: #""after":"B"#), "$.after"),
            (text.replacing(#""message":"fix: x""#, with: #""message":["x"]"#), "$.commits[0].message"),
            (
                text.replacing(#""modified":["shop/index.html"]"#, with: #""modified":["a",1]"#),
                "$.commits[0].modified[1]"
            ),
            (text.replacing(#""modified":["shop/index.html"]"#, with: #""modified":"a""#), "$.commits[0].modified"),
            (text.replacing(#""deleted":false"#, with: #""deleted":"no""#), "$.deleted"),
            (text.replacing(#""pushed_at":1795377001"#, with: #""pushed_at":1.5"#), "$.repository.pushed_at"),
            (text.replacing(#""pushed_at":1795377001"#, with: #""pushed_at":"x""#), "$.repository.pushed_at"),
            (text.replacing("https://github.com/example/webapps.git", with: "file:///etc"), "$.repository.clone_url"),
            (text.replacing(#""commits":["#, with: #""commits":[{"id":"\#(long)"},"#), "$.commits[0].message"),
            (
                text.replacing(#""head_commit":{"#, with: #""head_commit":{"added":1,"x":{"#) + "}",
                "$.head_commit.added"
            ),
            (text.replacing(#""sender":{"#, with: #""sender":[],"x":{"#), "$.sender"),
        ]
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook())) { service in
            for (body, field) in cases {
                let reply = try await service.deliver(body)
                #expect(try reply.status == 400 && reply.code == "invalid_payload", "\(field): \(reply)")
                #expect(try reply.json["field"].string == field)
                #expect(try reply.json["message"].string?.hasPrefix(field) == true)
            }
            #expect(service.builder.all.isEmpty)
            for event in ["", "Push", "push push", String(repeating: "a", count: 65)] {
                let reply = try await service.deliver(text, event: event)
                #expect(try reply.status == 400 && reply.json["field"] == "X-GitHub-Event", "\(event): \(reply)")
            }
            #expect(try await service.deliver(text, contentType: "text/plain").status == 415)
        }
    }

    @Test("a form carries the same payload, and is signed as it is sent")
    func forms() async throws {
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "shop"))) { service in
            let payload = push.with { $0.commits[0].message = "fix: 1 + 1 & ünïcode" }
            var encoded = ""
            for byte in payload.text.utf8 {
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"): encoded.append(Character(Unicode.Scalar(byte)))
                case UInt8(ascii: " "): encoded += "+"
                default: encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
                }
            }
            let type = "application/x-www-form-urlencoded"
            let reply = try await service.deliver("payload=" + encoded, contentType: type)
            #expect(reply.status == 200)
            #expect(try reply.json["builds"].count == 1)
            let again = try await service.deliver(
                "a=b&payload=" + encoded + "&c=", contentType: "\(type); charset=utf-8")
            #expect(try again.json["builds"][0]["id"] == reply.json["builds"][0]["id"])
            for broken in ["", "payload", "x=" + encoded, "payload=%zz", "payload=%ff"] {
                let reply = try await service.deliver(broken, contentType: type)
                #expect(try reply.status == 400 && reply.json["field"] == "payload", "\(broken): \(reply)")
            }
            #expect(try await service.deliver("payload=%7B", contentType: type).json["field"] == "$")
        }
    }

    @Test("a body that is too large is refused without being read, announced or not")
    func tooLarge() async throws {
        var webhook = try GitHubStub.webhook()
        #expect(webhook.maximumBodyBytes == 10 << 20)
        webhook.maximumBodyBytes = 100_000
        try await TestService.run(GitHubStub.configuration(webhook)) { service in
            let head =
                "POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                + "X-GitHub-Event: push\r\nX-Hub-Signature-256: \(GitHubStub.signature([]))\r\n"
            let announced = try Connection(port: service.port)
            defer { announced.close() }
            await announced.send(head + "Content-Length: 100001\r\n\r\n")
            let reply = try Reply(try await announced.readAll())
            #expect(try reply.status == 413 && reply.code == "body_too_large" && reply["connection"] == "close")
            let streamed = try Connection(port: service.port)
            defer { streamed.close() }
            await streamed.send(head + "Transfer-Encoding: chunked\r\n\r\n")
            let chunk = "4000\r\n" + String(repeating: " ", count: 0x4000) + "\r\n"
            for _ in 0..<7 { await streamed.send(chunk) }
            #expect(try Reply(try await streamed.readAll()).status == 413, "there is no end to wait for")
            // What is no larger than that is read, more than the limit of the other routes.
            let full = String(repeating: " ", count: 99_000) + PushPayload(.init("docs: x", "shop/x")).text
            #expect(full.utf8.count > 100_000)
            #expect(try await service.deliver(full).status == 413)
            #expect(try await service.deliver(String(full.dropFirst(full.utf8.count - 100_000))).status == 200)
        }
    }

    @Test("a payload of more than 1 MiB, as a large merge makes it, is taken")
    func large() async throws {
        var payload = PushPayload()
        payload.commits = (1...400).map { number in
            var commit = PushPayload.Commit("fix: \(number)", id: number)
            commit.modified = (0..<50).map { "shop/some/rather/long/folder/of/files/\(number)/\($0).html" }
            return commit
        }
        let text = payload.text
        #expect(text.utf8.count > 1 << 20)
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "shop"))) { service in
            let reply = try await service.deliver(text)
            #expect(reply.status == 200)
            #expect(try reply.json["builds"].count == 1 && reply.json["complete"] == true)
        }
    }

    @Test("a body that does not come holds nobody up for longer than an answer takes")
    func slowBody() async throws {
        let webhook = try GitHubStub.webhook(answerWithin: .milliseconds(200))
        try await TestService.run(GitHubStub.configuration(webhook)) { service in
            let connection = try Connection(port: service.port)
            defer { connection.close() }
            await connection.send(
                "POST /webhooks/github HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: \(GitHubStub.signature([]))\r\n"
                    + "Content-Length: 1000000\r\n\r\nx")
            #expect(try Reply(try await connection.readAll()).status == 408)
        }
    }
}
