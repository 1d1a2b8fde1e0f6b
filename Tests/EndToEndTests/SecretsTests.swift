import FoundationEssentials
import KubernetesStandIn
import RegistryTesting
import Testing

extension EndToEnd {
    /// Secrets go through every path of the service, at the level that logs most, and no line has any of them.
    @Suite("No log shows a secret")
    struct SecretsTests {
        /// Long and random, so that none is found in an id by chance.
        private struct Secrets {
            let password = make("password")
            let oldPassword = make("oldpassword")
            let reader = make("reader")
            let builder = make("builder")
            let stranger = make("stranger")
            let webhook = make("webhook")
            let gitPassword = make("gitpassword")
            let callbackPath = make("execution")
            let callbackSignature = make("signature")
            let identityToken = make("identity")
            let inQuery = make("query")
            /// 32 bytes in base64, as Standard Webhooks has it.
            let callback: String

            init() {
                let bytes = (0..<32).map { _ in UInt8.random(in: 0...255) }
                callback = Data(bytes).base64EncodedString()
            }

            private static func make(_ kind: String) -> String {
                "\(kind)\(UUID().uuidString.filter { $0 != "-" })\(UUID().uuidString.filter { $0 != "-" })"
            }

            /// Each as it is, and as it stands in a Basic credential, at all three places that base64 may begin.
            var all: [(name: String, text: String)] {
                let plain = [
                    ("password", password), ("old password", oldPassword), ("reader", reader), ("builder", builder),
                    ("stranger", stranger), ("webhook", webhook), ("git password", gitPassword),
                    ("callback path", callbackPath), ("callback signature", callbackSignature),
                    ("identity token", identityToken), ("query", inQuery), ("callback key", callback),
                ]
                let encoded = plain.flatMap { name, text in
                    (0..<3).map { shift in
                        let padded = Data((String(repeating: "x", count: shift) + text).utf8).base64EncodedString()
                        return ("\(name) in base64", String(padded.dropFirst(4).prefix(40)))
                    }
                }
                return plain + encoded
            }
        }

        private static func expectNone(of secrets: Secrets, beside others: [String] = [], in log: String) {
            let log = log.replacing("\\/", with: "/")
            for (name, text) in secrets.all + others.map({ ("another", $0) }) {
                let line = log.split(separator: "\n").first { $0.contains(text) }
                #expect(line == nil, "\(name)")
            }
            // Tokens of the token server are JSON Web Tokens, all of which begin like this.
            #expect(!log.contains("eyJ"), "a token of the token server")
        }

        /// A receiver that shows whoever calls what it was sent, and takes the second call.
        private static func receiver(host: String = "127.0.0.1") throws -> CallbackReceiver {
            try CallbackReceiver(
                host: host,
                .init { number, call in
                    let echo = call.line + call.fields.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
                    return number < 2 ? .status(503, body: echo) : .status(200)
                })
        }

        @Test("on this machine, with a registry that has users", arguments: ["text", "json"])
        func local(format: String) async throws {
            try await Scene.play { scene in
                let secrets = Secrets()
                try await scene.registry.setUsers([Scene.user: secrets.password])
                try scene.writeCredentials(password: secrets.oldPassword)
                let receiver = try Self.receiver()
                defer { receiver.stop() }
                let service = try await scene.service(try Self.settings(scene, secrets, receiver, format))
                #expect(try await service.get("/healthz").status == 200)
                // Nothing works with the old password, and all of it says why.
                let old = try await Self.askEverything(service, secrets)
                #expect(old.contains(502) && !old.contains(500), "\(old)")
                try scene.writeCredentials(password: secrets.password)
                let ends = try await Self.build(service, secrets, receiver)
                // The second call is taken, unless that is answered too late to count.
                #expect(ends["callback"]?["status"] == "delivered" && receiver.calls.count >= 2, "\(ends)")
                #expect(receiver.calls.last?["x-callback-secret"] == "whsec_\(secrets.callback)")
                let now = try await Self.askEverything(service, secrets)
                #expect(now.contains(200) && !now.contains(500), "\(now)")
                try await Self.push(service, secrets)
                service.terminate()
                #expect(try await service.hasEnded())
                Self.expectNone(of: secrets, in: service.log)
                Self.expectCorrelation(service.log, format)
            }
        }

        @Test("with a token server, by password and by identity token", arguments: ["text", "json"])
        func tokens(format: String) async throws {
            try await Scene.play { scene in
                let secrets = Secrets()
                var behavior = TestTokenServer.Behavior()
                behavior.users = [Scene.user: secrets.password]
                behavior.identityTokens = [secrets.identityToken]
                behavior.actions = ["pull", "push"]
                let server = try await TestTokenServer.start(behavior)
                defer { server.close() }
                let registry = try await TestRegistry.start(.token(server))
                defer { registry.close() }
                try registry.add(.init(), to: "webapp/app-example", tags: ["v1.0.0"])
                let docker = "\(scene.directory)/tokens-docker"
                func credentials(_ entry: String) throws {
                    try Scene.write(#"{"auths": {"\#(registry.authority)": {\#(entry)}}}"#, to: "\(docker)/config.json")
                }
                func auth(_ password: String) -> String {
                    #""auth": "\#(Data("\(Scene.user):\(password)".utf8).base64EncodedString())""#
                }
                try credentials(auth(secrets.oldPassword))
                let receiver = try Self.receiver()
                defer { receiver.stop() }
                var settings = try Self.settings(scene, secrets, receiver, format)
                settings.merge([
                    "REGISTRY": registry.authority, "REGISTRY_ENDPOINT": registry.url, "DOCKER_CONFIG": docker,
                    "TOKEN_REALM_HOSTS": server.authority,
                ]) { $1 }
                let service = try await scene.service(settings)
                _ = try await Self.askEverything(service, secrets)
                for entry in [auth(secrets.password), #""identitytoken": "\#(secrets.identityToken)""#] {
                    try credentials(entry)
                    let asked = try await Self.askEverything(service, secrets)
                    #expect(asked.contains(200) && !asked.contains(500), "\(asked)")
                }
                let requests = try server.requests()
                #expect(requests.contains { $0.form["refresh_token"] == secrets.identityToken })
                #expect(requests.contains { $0.basic == "\(Scene.user):\(secrets.password)" })
                service.terminate()
                #expect(try await service.hasEnded())
                Self.expectNone(of: secrets, in: service.log)
            }
        }

        @Test("in a cluster", arguments: ["text", "json"])
        func cluster(format: String) async throws {
            try await Scene.play { scene in
                let secrets = Secrets()
                try await scene.registry.setUsers([Scene.user: secrets.password])
                try scene.writeCredentials(password: secrets.password)
                try await scene.inCluster(second: .milliseconds(150)) { standIn, cluster in
                    // Nothing is called where the API server is.
                    let receiver = try Self.receiver(host: "127.0.0.2")
                    defer { receiver.stop() }
                    var settings = try Self.settings(scene, secrets, receiver, format).merging(cluster) { $1 }
                    settings["API_SERVICE_ACCOUNTS"] = "automation/n8n:read"
                    let service = try await scene.service(settings)
                    let ends = try await Self.build(service, secrets, receiver)
                    #expect(ends["callback"]?["status"] == "delivered", "\(ends)")
                    #expect(receiver.calls.allSatisfy { $0["traceparent"] == Self.traceparent })
                    _ = try await Self.askEverything(service, secrets)
                    try await Self.push(service, secrets)
                    service.terminate()
                    #expect(try await service.hasEnded())
                    Self.expectNone(of: secrets, beside: [standIn.token], in: service.log)
                    Self.expectCorrelation(service.log, format)
                }
            }
        }

        // MARK: Parts

        private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        private static let traceparent = "00-\(trace)-00f067aa0ba902b7-01"

        private static func settings(
            _ scene: Scene, _ secrets: Secrets, _ receiver: CallbackReceiver, _ format: String
        ) throws -> [String: String] {
            let tokens = "viewer:read:\(secrets.reader)\nn8n:read,build:\(secrets.builder)\n"
            return [
                "LOG_LEVEL": "trace", "LOG_FORMAT": format, "TAGS_MAX_AGE": "0s",
                "API_TOKENS_FILE": try scene.secret("tokens", tokens),
                "GITHUB_WEBHOOK_SECRET_FILE": try scene.secret("webhook", "\(secrets.webhook)\n"),
                "CALLBACK_SECRET_FILE": try scene.secret("callback", "whsec_\(secrets.callback)\n"),
                "CALLBACK_ALLOWED_HOSTS": receiver.url(""),
            ]
        }

        private static func bearer(_ token: String) -> String { "Authorization: Bearer \(token)" }

        /// Asks for everything that can be read, by callers of all kinds; answers the statuses.
        private static func askEverything(_ service: ServiceProcess, _ secrets: Secrets) async throws -> Set<Int> {
            var statuses: Set<Int> = []
            let reader = [bearer(secrets.reader), "traceparent: \(traceparent)"]
            for path in [
                "/tags/app-example", "/tags/app-example/v1.0.0", "/next/app-example", "/builds", "/webapps",
                "/webapps/app-example", "/webapps/app-example/history", "/caller", "/readyz", "/openapi.yaml", "/",
            ] {
                statuses.insert(try await service.get(path, headers: reader).status)
            }
            let basic = Data("n8n:\(secrets.stranger)".utf8).base64EncodedString()
            for headers in [
                [], [bearer(secrets.stranger)], ["Authorization: Basic \(basic)"], [bearer(secrets.stranger) + " x"],
                [bearer(secrets.reader), bearer(secrets.builder)], ["Cookie: token=\(secrets.inQuery)"] + reader,
            ] {
                _ = try await service.get("/tags/app-example", headers: headers)
            }
            for path in [
                "/tags/app-example?token=\(secrets.inQuery)", "/\(secrets.inQuery)",
                "/builds/\(secrets.inQuery.lowercased())",
            ] {
                _ = try await service.get(path, headers: reader)
            }
            return statuses
        }

        /// Starts a build with a callback, after some that are refused, and waits until the caller was told.
        private static func build(
            _ service: ServiceProcess, _ secrets: Secrets, _ receiver: CallbackReceiver
        ) async throws -> JSON {
            let headers = [bearer(secrets.builder), "traceparent: \(traceparent)"]
            let git = "https://user:\(secrets.gitPassword)@git.example/x.git"
            let url = receiver.url("/webhook-waiting/\(secrets.callbackPath)?signature=\(secrets.callbackSignature)")
            for (body, status) in [
                (#"{"webapp": "app-example", "git": {"url": "\#(git)"}}"#, 422),
                (#"{"webapp": "app-example", "callbackUrl": "https://evil.example/\#(secrets.callbackPath)"}"#, 422),
                (#"{"webapp": "app-example", "callbackUrl": "https://u:\#(secrets.gitPassword)@evil.example/"}"#, 422),
                (#"{"webapp": "app-example", "\#(secrets.inQuery)": 1}"#, 400), (secrets.inQuery, 400),
            ] {
                #expect(try await service.post("/builds", body, headers: headers).status == status, "\(status)")
            }
            #expect(
                try await service.post("/builds", "{}", headers: [bearer(secrets.reader)]).status == 403, "the scope")
            let started = try await service.post(
                "/builds", #"{"webapp": "app-example", "callbackUrl": "\#(url)"}"#, headers: headers)
            guard started.status == 202, let id = started["id"]?.string else {
                throw TestingError("no build, but \(started.status): \(started.body)")
            }
            let start = ContinuousClock.now
            while true {
                let build = try await service.get("/builds/\(id)", headers: headers).json
                if build["callback"]?["status"] == "delivered" {
                    _ = try await service.get("/builds/\(id)/logs", headers: headers)
                    _ = try await service.get("/builds/\(id)/events", headers: headers)
                    return build
                }
                guard ContinuousClock.now - start < .seconds(90) else { return build }
                try await Task.sleep(for: .milliseconds(100))
            }
        }

        /// Delivers pushes that are signed, not signed, and signed by somebody else.
        private static func push(_ service: ServiceProcess, _ secrets: Secrets) async throws {
            func body(_ url: String) -> String {
                """
                {"ref": "refs/heads/main", "before": "\(String(repeating: "0", count: 40))", "commits": [], \
                "after": "\(String(repeating: "a", count: 40))", "repository": {"full_name": "a/b", "clone_url": "\(url)"}}
                """
            }
            let (good, bad) = ("https://git.example/a/b.git", "https://user:\(secrets.gitPassword)@git.example/a/b.git")
            for (body, secret, status) in [
                (body(good), secrets.webhook, 200), (body(bad), secrets.webhook, 400),
                (body(good), secrets.stranger, 401),
            ] {
                let answer = try await service.post(
                    "/webhooks/github", body,
                    headers: [
                        "X-GitHub-Event: push", "X-Hub-Signature-256: \(DaySignature.gitHub(body, secret: secret))",
                    ])
                #expect(answer.status == status, "\(answer.body)")
            }
            #expect(try await service.post("/webhooks/github", body(good)).status == 401)
        }

        /// Each line of a request that came with a trace has it, whatever format; so has the line of the build's start.
        private static func expectCorrelation(_ log: String, _ format: String) {
            let lines = log.split(separator: "\n")
            let trace = format == "json" ? #""trace_id":"\#(trace)""# : "trace_id=\(trace)"
            let reserved = lines.filter { $0.contains("version reserved") }
            #expect(!reserved.isEmpty && reserved.contains { $0.contains(trace) && $0.contains("request_id") })
            let started = lines.filter {
                $0.contains("request answered") && $0.contains("202") && $0.contains("/builds")
            }
            #expect(started.contains { $0.contains(trace) && $0.contains("build-app-example") })
            #expect(lines.allSatisfy { !$0.contains("request answered") || $0.contains("request_id") })
        }
    }
}
