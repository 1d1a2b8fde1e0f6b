import Testing

@testable import RegistryQueryAPI

struct ProtocolTests {
    @Test("a path that exists answers another method with those it has")
    func answersOtherMethods() async throws {
        try await TestService.run { service in
            for (method, target, allow) in [
                ("PUT", "/builds", "POST, GET, HEAD"), ("DELETE", "/builds", "POST, GET, HEAD"),
                ("PATCH", "/builds/x", "GET, HEAD, DELETE"),
                ("POST", "/tags/app", "GET, HEAD"), ("DELETE", "/next/app", "GET, HEAD, POST"),
                ("HEAD", "/builds/x/logs", "GET"),
                ("HEAD", "/builds/x/events", "GET"), ("OPTIONS", "/healthz", "GET, HEAD"),
                ("PURGE", "/readyz", "GET, HEAD"),
            ] {
                let reply = try await service.send(method, target)
                #expect(reply.status == 405 && reply["allow"] == allow, "\(method) \(target): \(reply)")
                if method != "HEAD" { #expect(try reply.code == "method_not_allowed") }
            }
        }
    }

    @Test("HEAD answers like GET, without the body")
    func answersHead() async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.0.0"], of: "app")
            for target in ["/tags/app", "/next/app", "/builds", "/healthz", "/openapi.yaml", "/tags/none", "/nowhere"] {
                let (get, head) = (try await service.get(target), try await service.send("HEAD", target))
                #expect(head.status == get.status && head.body.isEmpty && !get.body.isEmpty, "\(target)")
                for name in ["content-type", "content-length", "cache-control"] {
                    #expect(head[name] == get[name], "\(target) \(name)")
                }
            }
        }
    }

    @Test("a connection carries several requests, also after a problem, and also pipelined")
    func keepsConnections() async throws {
        try await TestService.run { service in
            let connection = try Connection(port: service.port)
            defer { connection.close() }
            let host = "Host: localhost\r\n"
            await connection.send("GET /nowhere HTTP/1.1\r\n\(host)\r\n")
            #expect(try await connection.read(until: "\"message\"").hasPrefix("HTTP/1.1 404 "))
            await connection.send(
                "POST /builds HTTP/1.1\r\n\(host)Content-Type: application/json\r\nContent-Length: 3\r\n\r\n{]}"
                    + "GET /healthz HTTP/1.1\r\n\(host)\r\nGET /healthz HTTP/1.1\r\n\(host)Connection: close\r\n\r\n")
            let rest = String(decoding: try await connection.readAll(), as: UTF8.self)
            #expect(rest.ranges(of: "HTTP/1.1 400 ").count == 1, "\(rest)")
            #expect(rest.ranges(of: "{\"status\":\"ok\"}").count == 2)
        }
    }

    @Test("takes targets in absolute form")
    func takesAbsoluteForm() async throws {
        try await TestService.run { service in
            let (good, bad) = (
                try await service.get("http://localhost/healthz"),
                try await service.get("http://localhost/builds?colour=red")
            )
            #expect(good.status == 200 && bad.status == 400)
        }
    }

    @Test("a body of 1 MiB is read, one byte more is refused, announced or not, and the caller hears it")
    func boundsBodies() async throws {
        try await TestService.run { service in
            func body(_ size: Int) -> String {
                let start = "{\"webapp\":\"app\",\"commits\":[\"fix: "
                return start + String(repeating: "x", count: size - start.utf8.count - 3) + "\"]}"
            }
            #expect(try await service.post("/builds", body(1 << 20)).status == 202)
            let announced = try await service.post("/builds", body(1 << 20 + 1))
            #expect(announced.status == 413 && announced.isComplete && announced["connection"] == "close")
            #expect(try announced.code == "body_too_large")

            let connection = try Connection(port: service.port)
            defer { connection.close() }
            await connection.send(
                "POST /builds HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for _ in 0..<20 { await connection.send("10000\r\n\(String(repeating: "x", count: 65_536))\r\n") }
            let chunked = try Reply(try await connection.readAll())
            #expect(chunked.status == 413 && chunked.isComplete)

            let patient = try Connection(port: service.port)
            defer { patient.close() }
            await patient.send(
                "POST /builds HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n"
                    + "Expect: 100-continue\r\n\r\n")
            #expect(try Reply(try await patient.readAll()).status == 413)
            #expect(service.builder.all.count == 1)
        }
    }

    @Test("a body that does not arrive is not waited for")
    func boundsSlowBodies() async throws {
        try await TestService.run(.with(\.bodyWithin, .milliseconds(100))) { service in
            let connection = try Connection(port: service.port)
            defer { connection.close() }
            await connection.send(
                "POST /builds HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
            )
            let reply = try Reply(try await connection.readAll())
            #expect(reply.status == 408 && reply.isComplete)
            #expect(try reply.code == "request_timeout")
        }
    }

    @Test("an idle connection is closed, before a request and within its head")
    func closesIdleConnections() async throws {
        try await TestService.run(.with(\.idleTimeout, .milliseconds(100))) { service in
            for start in ["", "GET /healthz HTTP/1.1\r\nHost: loc"] {
                let connection = try Connection(port: service.port)
                defer { connection.close() }
                await connection.send(start)
                #expect(try await connection.readAll().isEmpty)
            }
        }
    }

    @Test("headers are bounded in size and number")
    func boundsHeaders() async throws {
        try await TestService.run { service in
            let many = (0..<200).map { ("X-\($0)", "y") }
            for headers in [[("X-Long", String(repeating: "y", count: 20_000))], many] {
                let reply = try await service.send("GET", "/healthz", headers)
                #expect(reply.status == 400)
            }
            #expect(try await service.get("/healthz").status == 200)
        }
    }

    @Test(
        "what is no HTTP is refused and harms nobody",
        arguments: [
            "hello\r\n\r\n", "GET\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}", "GET /healthz HTTP/1.1\r\nBad Header\r\n\r\n",
        ])
    func refusesNonsense(text: String) async throws {
        try await TestService.run { service in
            let connection = try Connection(port: service.port)
            defer { connection.close() }
            await connection.send(text)
            let answer = String(decoding: try await connection.readAll(), as: UTF8.self)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
            #expect(try await service.get("/healthz").status == 200)
        }
    }

    @Test("the time for an answer goes with the wait")
    func waitsBeyondDeadline() async throws {
        let builder = MemoryBuilder()
        // By a service that has more time for it.
        let id = try await TestService.run(builder: builder) { try await $0.startBuild() }
        try await TestService.run(.with(\.answerWithin, .seconds(5)), builder: builder) { service in
            let start = ContinuousClock.now
            let reply = try await service.get("/builds/\(id)?wait=6")
            #expect(reply.status == 200)
            #expect(ContinuousClock.now - start >= .seconds(6))
        }
    }

    @Test("an answer comes in time whatever registry and builder do")
    func keepsDeadline() async throws {
        let builder = MemoryBuilder()
        let id = try await TestService.run(builder: builder) { try await $0.startBuild() }
        try await TestService.run(.with(\.answerWithin, .seconds(3)), builder: builder) { service in
            service.builder.beSilent()
            service.registry.set("/v2/webapp/app/tags/list", .silence)
            let requests: [(String, String, String?)] = [
                ("GET", "/tags/app", nil), ("GET", "/next/app", nil), ("GET", "/builds", nil),
                ("GET", "/builds/\(id)", nil),
                ("GET", "/builds/\(id)/logs?follow=true", nil), ("GET", "/builds/\(id)/events", nil),
                ("DELETE", "/builds/\(id)", nil),
                ("POST", "/builds", "{\"webapp\":\"app\"}"),
            ]
            try await withThrowingTaskGroup(of: (String, Reply).self) { group in
                for (method, target, body) in requests {
                    group.addTask {
                        let headers = body == nil ? [] : [("Content-Type", "application/json")]
                        return ("\(method) \(target)", try await service.send(method, target, headers, body: body))
                    }
                }
                for try await (name, reply) in group {
                    #expect(reply.status == 504, "\(name): \(reply)")
                    #expect(try reply.code == "deadline_exceeded")
                }
            }
        }
    }

    @Test("the deadline does not wait for what ignores it")
    func abandons() async throws {
        let (never, end) = AsyncStream<Void>.makeStream()
        defer { end.finish() }
        await #expect(throws: DeadlineExceeded.self) {
            try await withDeadline(.milliseconds(50)) {
                await Task { for await _ in never {} }.value
            }
        }
    }

    @Test("a request's id is the caller's if it is usable, is returned, and is in each line of the log")
    func carriesRequestID() async throws {
        try await TestService.run { service in
            let id = "6ad8b0b9-6a0d_4b0e.1"
            let reply = try await service.get("/tags/none?limit=5", ("X-Request-Id", id))
            #expect(reply["x-request-id"] == id && reply["x-content-type-options"] == "nosniff")
            let line = try #require(service.log.requests.last?.metadata)
            #expect(
                line["request_id"] == id && line["method"] == "GET" && line["route"] == "/tags/{webapp}"
                    && line["status"] == "404")
            #expect(line["problem"] == "repository_unknown" && line["duration_ms"].flatMap(Int.init) != nil)
            for bad in ["", "a b", "a/b", "\u{e9}", String(repeating: "x", count: 129), "a\"b"] {
                let made = try #require(try await service.get("/nowhere", ("X-Request-Id", bad))["x-request-id"])
                #expect(made != bad && made.utf8.count == 36)
            }
        }
    }

    @Test("a line of the log has neither query nor body nor header")
    func logsNoSecrets() async throws {
        try await TestService.run { service in
            _ = try await service.get(
                "/tags/app?range=SECRET", ("Authorization", "Bearer SECRET"), ("Cookie", "SECRET"))
            _ = try await service.get("/SECRET")
            _ = try await service.post("/builds", #"{"webapp":"app","SECRET":1}"#, ("Idempotency-Key", "SECRET"))
            #expect(service.log.requests.count == 3 && !service.log.text.contains("SECRET"), "\(service.log.text)")
        }
    }
}
