import Builds
import Logging
import Metrics
import MetricsTestKit
import Testing

@testable import RegistryQueryAPI

@Suite("What is counted of requests, and where the metrics are")
struct MetricsTests {
    private let metrics = TestMetrics()

    private func requests(_ route: String, _ method: String, _ status: Int) -> Int64 {
        metrics.counterTotal(
            label: "registry_query_http_requests_total",
            dimensions: [("route", route), ("method", method), ("status", "\(status)")])
    }

    private func timed(_ route: String) -> Int {
        metrics.timers(label: "registry_query_http_request_duration_seconds", dimensions: [("route", route)])
            .map(\.values.count).reduce(0, +)
    }

    private func webhooks(_ source: String, _ outcome: String) -> Int64 {
        metrics.counterTotal(
            label: "registry_query_webhooks_total", dimensions: [("source", source), ("outcome", outcome)])
    }

    @Test("requests are counted by the pattern of their route and their status: answers, errors and streams")
    func requests() async throws {
        try await withMetricsFactory(metrics) {
            _ = try await TestService.run { service in
                service.registry.setTags(["v1.0.0"], of: "app-example")
                for target in ["/tags/app-example", "/tags/app-example", "/tags/none", "/tags/app-example?x=1"] {
                    _ = try await service.get(target)
                }
                let id = try await service.startBuild()
                service.builder.change(id) { $0.status = .succeeded }
                _ = try await service.get("/builds/\(id)/logs?follow=true")
                _ = try await service.send("HEAD", "/healthz")
                _ = try await service.get("/nowhere/secret")
                _ = try await service.send("PROPFIND", "/healthz")
            }
        }
        #expect(requests("/tags/{webapp}", "GET", 200) == 2)
        #expect(requests("/tags/{webapp}", "GET", 404) == 1 && requests("/tags/{webapp}", "GET", 400) == 1)
        #expect(timed("/tags/{webapp}") == 4)
        #expect(requests("/builds", "POST", 202) == 1)
        #expect(requests("/builds/{id}/logs", "GET", 200) == 1 && timed("/builds/{id}/logs") == 1)
        #expect(requests("/healthz", "HEAD", 200) == 1)
        #expect(requests("-", "GET", 404) == 1)
        #expect(requests("-", "other", 405) == 1, "a method is whatever somebody writes")
        let labels = metrics.counters.flatMap { $0.dimensions.map(\.1) }
        #expect(!labels.contains { $0.contains("app-example") || $0.contains("secret") || $0.contains("PROPFIND") })
    }

    @Test("webhooks are counted by what came of them, also where nobody was let in")
    func webhooks() async throws {
        let webhook = try GitHubStub.webhook(paths: "shop")
        try await withMetricsFactory(metrics) {
            _ = try await TestService.run(GitHubStub.configuration(webhook)) { service in
                _ = try await service.deliver(PushPayload(.init("fix: x", "shop/x")).text)
                _ = try await service.deliver(PushPayload(.init("fix: x", "blog/x")).text)
                _ = try await service.deliver(
                    PushPayload(.init("fix: x", "shop/x")).with { $0.ref = "refs/tags/v1" }.text)
                _ = try await service.deliver("{}", event: "ping")
                _ = try await service.deliver("{}", event: "issues")
                _ = try await service.deliver("{}")
                _ = try await service.deliver("{}", secret: "another-0123456789")
                _ = try await service.post(
                    "/webhooks/registry", #"{"events":[{"target":{"repository":"webapp/app"}}]}"#)
                _ = try await service.post("/webhooks/registry", #"{"events":[]}"#)
                _ = try await service.post("/webhooks/registry", #"{"events":[{}]}"#)
            }
            let file = try TokenFixture()
            _ = try await TestService.run(.with(\.access, file.access)) { service in
                _ = try await service.post("/webhooks/registry", #"{"events":[]}"#)
                _ = try await service.get("/tags/app")
            }
            withExtendedLifetime(file) {}
        }
        #expect(webhooks("github", "accepted") == 1 && webhooks("github", "ignored") == 4)
        #expect(webhooks("github", "invalid_payload") == 1 && webhooks("github", "invalid_signature") == 1)
        #expect(webhooks("registry", "accepted") == 1 && webhooks("registry", "ignored") == 1)
        #expect(webhooks("registry", "invalid_payload") == 1 && webhooks("registry", "unauthorized") == 1)
        #expect(metrics.counterTotal(label: "registry_query_webhooks_total") == 11)
    }

    @Test("the metrics are served as they are, also to HEAD, and asking for them is no news")
    func served() async throws {
        let text = "# TYPE a gauge\na 1\n"
        let configuration = RegistryQueryAPI.Configuration.with(\.metrics) {
            MetricsText(contentType: "text/plain; version=0.0.4; charset=utf-8", bytes: Array(text.utf8))
        }
        try await TestService.run(configuration) { service in
            let reply = try await service.get("/metrics", ("Accept", "application/openmetrics-text"))
            #expect(reply.status == 200 && reply.text == text)
            #expect(reply["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(reply["cache-control"] == "no-store")
            let head = try await service.send("HEAD", "/metrics")
            #expect(head.status == 200 && head["content-length"] == "\(text.utf8.count)" && head.text == "")
            #expect(try await service.get("/metrics?x=1").code == "unknown_parameter")
            let levels = service.log.requests.filter { $0.metadata["route"] == "/metrics" }.map(\.level)
            #expect(levels == [.debug, .debug, .info])
        }
        try await TestService.run { service in
            let reply = try await service.get("/metrics")
            #expect(reply.status == 200 && reply.text == "", "without metrics there are none")
        }
    }

    @Test("a token needs the scope metrics, which read includes and which is good for nothing else")
    func scope() async throws {
        let file = try TokenFixture(
            """
            scraper:metrics:scraper-0123456789abcdef
            viewer:read:viewer-0123456789abcdef
            deployer:build:deployer-0123456789abcdef
            """)
        try await TestService.run(.with(\.access, file.access)) { service in
            service.registry.setTags(["v1.0.0"], of: "app")
            #expect(try await service.get("/metrics").status == 401)
            let cases = [
                ("/metrics", "scraper", 200), ("/metrics", "viewer", 200), ("/metrics", "deployer", 403),
                ("/tags/app", "scraper", 403), ("/openapi.yaml", "scraper", 403),
            ]
            for (target, name, status) in cases {
                let reply = try await service.get(target, ("Authorization", "Bearer \(name)-0123456789abcdef"))
                #expect(reply.status == status, "\(target) \(name)")
            }
        }
        withExtendedLifetime(file) {}
    }
}
