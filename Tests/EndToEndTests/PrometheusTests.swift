import FoundationEssentials
import KubernetesStandIn
import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("A real Prometheus")
    struct PrometheusTests {
        private static let token = "caller-token-0123456789abcdef0123456789"
        private static let metricsToken = "metrics-token-0123456789abcdef0123456789"
        private static let webhookSecret = "webhook-secret-0123456789abcdef"
        private static let component = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "deploy/kubernetes/components/prometheus")

        @Test("scrapes the service, and every expression of the alerts and of the dashboard finds what it asks for")
        func wholeWay() async throws {
            try await Self.play { service, prometheus, receiver in
                try await Self.eventually("the target is up") {
                    try await prometheus.targets().map { $0["health"] } == ["up"]
                }
                // A build that ends before the leader has looked for the first time is not counted.
                try await Self.expect(prometheus, ["registry_query_leader": "1"])
                try await Self.makeHistory(service, receiver)

                try await Self.expect(
                    prometheus,
                    [
                        #"sum(registry_query_builds_total{webapp="app-example", outcome="succeeded"})"#: "2",
                        #"sum(registry_query_builds_total{webapp="app-bad", outcome="failed"})"#: "1",
                        "sum(registry_query_builds_total)": "3",
                        "sum(registry_query_build_duration_seconds_count)": "3",
                        "registry_query_build_queue_duration_seconds_count": "3",
                        #"registry_query_build_phase_duration_seconds_count{phase="building"}"#: "3",
                        "sum(registry_query_builds_in_flight)": "0",
                        "registry_query_leader": "1",
                        #"registry_query_callbacks_total{outcome="delivered"}"#: "1",
                        #"registry_query_webhooks_total{source="github", outcome="accepted"}"#: "1",
                        #"registry_query_webhooks_total{source="github", outcome="invalid_signature"}"#: "1",
                        #"registry_query_http_requests_total{route="/builds", method="POST", status="202"}"#: "2",
                        "registry_query_metrics_conflicts_total": "0",
                        "registry_query_metrics_dropped_series_total": "0",
                    ])
                let expressions = try Self.dashboardExpressions()
                #expect(expressions.count > 40)
                try await Self.eventually("every expression of the dashboard has series") {
                    for expression in expressions where try await prometheus.query(expression).isEmpty {
                        throw TestingError("there is nothing of \(expression)")
                    }
                    return true
                }
                try await Self.expectRules(prometheus)
                try await Self.expectCleanMetrics(service)

                service.kill()
                try await Self.eventually("that nothing can be scraped is noticed") {
                    try await prometheus.rules().first { $0["name"] == "RegistryQueryDown" }?["state"] == "pending"
                }
            }
        }

        // MARK: Parts

        /// Starts a service in a cluster whose builds take about two seconds, and a Prometheus that scrapes it.
        private static func play(
            _ body: (ServiceProcess, PrometheusServer, CallbackReceiver) async throws -> Void
        ) async throws {
            try await Scene.play { scene in
                let script = { @Sendable [registry = scene.registry] (job: String) -> PodScript in
                    job.hasPrefix("build-app-bad-") ? .failedMain : .success(pushingTo: registry)
                }
                try await scene.inCluster(second: .seconds(2), script: script) { _, cluster in
                    // Not at the address of the API server, which no callback may go to.
                    try await CallbackReceiver.run(host: "127.0.0.2") { receiver in
                        let service = try await service(scene, cluster, receiver)
                        let tokenFile = try scene.secret("metrics-token", "\(metricsToken)\n")
                        let prometheus = try await PrometheusServer(
                            scraping: String(service.url.dropFirst("http://".count)), tokenFile: tokenFile,
                            rules: rules(), client: scene.client)
                        defer { prometheus.close() }
                        try await body(service, prometheus, receiver)
                    }
                }
            }
        }

        private static func service(
            _ scene: Scene, _ cluster: [String: String], _ receiver: CallbackReceiver
        ) async throws -> ServiceProcess {
            let tokens = "n8n:read,build:\(token)\nprometheus:metrics:\(metricsToken)\n"
            let settings = [
                "GIT_REPO_URL": "https://git.example/example/webapps.git", "WEBAPP_PATHS": "app-*",
                "API_TOKENS_FILE": try scene.secret("tokens", tokens),
                "GITHUB_WEBHOOK_SECRET_FILE": try scene.secret("webhook", "\(webhookSecret)\n"),
                "CALLBACK_ALLOWED_HOSTS": receiver.url(""),
            ]
            return try await scene.service(cluster.merging(settings) { $1 })
        }

        /// Builds that succeed and fail, a callback, and webhooks with the wrong and the right signature.
        private static func makeHistory(_ service: ServiceProcess, _ receiver: CallbackReceiver) async throws {
            let headers = ["Authorization: Bearer \(token)"]
            func end(of build: JSON?) async throws -> JSON? {
                let id = build?["id"]?.string ?? ""
                var now = JSON.null
                for _ in 0..<10 where now["done"] != true {
                    now = try await service.get("/builds/\(id)?wait=30s", headers: headers).json
                }
                return now["status"]
            }
            let good = try await service.post(
                "/builds", #"{"webapp": "app-example", "callbackUrl": "\#(receiver.url("/done"))"}"#, headers: headers)
            let bad = try await service.post("/builds", #"{"webapp": "app-bad"}"#, headers: headers)
            #expect([good.status, bad.status] == [202, 202], "\(good) \(bad)")
            #expect(try await end(of: good.json) == "succeeded")
            #expect(try await end(of: bad.json) == "failed")
            #expect(try await push(to: service, signedWith: "another-secret-0123456789").status == 401)
            let pushed = try await push(to: service, signedWith: webhookSecret)
            #expect(pushed.status == 200, "\(pushed)")
            #expect(try await end(of: pushed["builds"]?.array.first) == "succeeded", "\(pushed)")
            // Once, or again where its answer came too late to count.
            try await eventually("the caller is called") { receiver.calls.count >= 1 }
        }

        private static func push(
            to service: ServiceProcess, signedWith secret: String
        ) async throws -> HTTPClient.Answer {
            let commit = String(repeating: "a", count: 40)
            let body = """
                {"ref": "refs/heads/main", "after": "\(commit)", "before": "\(String(repeating: "b", count: 40))",
                 "deleted": false, "created": false, "repository": {"full_name": "example/webapps",
                 "clone_url": "https://git.example/example/webapps.git"}, "sender": {"login": "octocat"},
                 "head_commit": {"id": "\(commit)", "message": "fix: it"}, "commits": [{"id": "\(commit)",
                 "message": "fix: it", "distinct": true, "added": [], "modified": ["app-example/index.html"],
                 "removed": []}]}
                """
            return try await service.post(
                "/webhooks/github", body,
                headers: [
                    "X-GitHub-Event: push", "X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958",
                    "X-GitHub-Hook-ID: 1", "X-Hub-Signature-256: \(DaySignature.gitHub(body, secret: secret))",
                ])
        }

        /// What Prometheus reads of the manifest: all that is below `spec`.
        private static func rules() throws -> String {
            let text = try String(contentsOf: component.appending(path: "prometheus-rule.yaml"), encoding: .utf8)
            guard let start = text.firstRange(of: "\nspec:\n") else { throw TestingError("there is no spec") }
            return text[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
                .map { $0.dropFirst(2) }.joined(separator: "\n")
        }

        /// The expressions as Grafana sends them, with its variables filled in.
        private static func dashboardExpressions() throws -> [String] {
            let text = try String(contentsOf: component.appending(path: "dashboard.json"), encoding: .utf8)
            let targets = try JSON(parsing: text)["panels"]?.array.flatMap { $0["targets"]?.array ?? [] } ?? []
            // At a step of 15 s and a scrape each second.
            let values = ["$__rate_interval": "16s", "$__range": "1h", "$namespace": PrometheusServer.namespace]
            return try targets.map { target in
                let expression = values.reduce(target["expr"]?.string ?? "") { $0.replacing($1.key, with: $1.value) }
                guard !expression.isEmpty, !expression.contains("$") else {
                    throw TestingError("there is a variable that is not known in \(target)")
                }
                return expression
            }
        }

        private static func expect(_ prometheus: PrometheusServer, _ values: [String: String]) async throws {
            for (expression, value) in values.sorted(by: { $0.key < $1.key }) {
                try await eventually("\(expression) is \(value)") {
                    let now = try await prometheus.value(expression)
                    if now != value { throw TestingError("it is \(now ?? "nothing")") }
                    return true
                }
            }
        }

        /// All alerts can be evaluated, and the only one fires that has a reason and waits for nothing.
        private static func expectRules(_ prometheus: PrometheusServer) async throws {
            try await eventually("the forged webhook is told of") {
                let rules = try await prometheus.rules()
                #expect(rules.count >= 16 && rules.allSatisfy { $0["type"] == "alerting" })
                for rule in rules where rule["health"] != "ok" {
                    throw TestingError("\(rule["name"] ?? .null) is \(rule)")
                }
                return rules.filter { $0["state"] == "firing" }.map { $0["name"] }
                    == ["RegistryQueryWebhookSignaturesWrong"]
            }
        }

        /// promtool has nothing to say against the metrics, which only those see who may.
        private static func expectCleanMetrics(_ service: ServiceProcess) async throws {
            let own = ["Authorization: Bearer \(metricsToken)"]
            let answer = try await service.get("/metrics", headers: own)
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(try await command(["promtool", "check", "metrics"], input: answer.body) == "")
            await #expect(throws: TestingError.self, "it finds what is wrong") {
                try await command(["promtool", "check", "metrics"], input: "wrong_milliseconds 1\n")
            }
            #expect(try await service.get("/metrics").status == 401)
            let builds = try await service.get("/builds", headers: own)
            #expect(builds.status == 403, "\(builds)")
        }

        /// Tries until it holds; the last failure tells why it does not.
        private static func eventually(
            _ what: String, within limit: Duration = .seconds(120), _ holds: () async throws -> Bool
        ) async throws {
            let start = ContinuousClock.now
            while true {
                do {
                    if try await holds() { return }
                    throw TestingError("it does not hold")
                } catch {
                    guard ContinuousClock.now - start < limit else { throw TestingError("not \(what): \(error)") }
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
        }
    }
}
