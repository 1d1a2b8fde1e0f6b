import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import Metrics
import MetricsTestKit
import RegistryTesting
import Testing

@testable import OCIDistribution

@Suite("What is counted of registries", .timeLimit(.minutes(5)))
struct MetricsTests: AuthenticationScript {
    private let metrics = TestMetrics()

    private func requests(_ operation: String, _ outcome: String) -> Int64 {
        metrics.counterTotal(
            label: "registry_query_registry_requests_total",
            dimensions: [("operation", operation), ("outcome", outcome)])
    }

    /// All requests that were counted.
    private var requests: Int64 { metrics.counterTotal(label: "registry_query_registry_requests_total") }

    private func timed(_ operation: String) -> Int {
        metrics.timers(
            label: "registry_query_registry_request_duration_seconds", dimensions: [("operation", operation)]
        ).map(\.values.count).reduce(0, +)
    }

    private func renewals(_ outcome: String) -> Int64 {
        metrics.counterTotal(
            label: "registry_query_registry_token_renewals_total", dimensions: [("outcome", outcome)])
    }

    private func listings(_ source: String) -> Int64 {
        metrics.counterTotal(label: "registry_query_tag_listings_total", dimensions: [("source", source)])
    }

    private func answering(_ status: Int, _ body: String = "") -> FunctionTransport {
        FunctionTransport { _, _ in .text(status, body) }
    }

    static let paths: [(HTTPRequest.Method, String, RegistryMetrics.Operation)] = [
        (.get, "/v2/", .ping), (.get, "/behind/a/proxy/v2/", .ping), (.get, "/v2/_catalog?n=1", .listRepositories),
        (.get, "/v2/webapp/app/tags/list?last=x", .listTags), (.get, "/v2/tags/list/tags/list", .listTags),
        (.get, "/v2/a/manifests/_catalog", .readManifest), (.get, "/v2/a/manifests/list", .readManifest),
        (.get, "/v2/a/manifests/v1", .readManifest), (.head, "/v2/a/blobs/manifests/v1", .readManifest),
        (.put, "/v2/a/manifests/v1", .pushManifest), (.get, "/v2/a/manifests/blobs/sha256:1", .readBlob),
        (.delete, "/v2/a/manifests/v1", .other), (.get, "/v2/a", .other), (.get, "/", .other),
    ]

    @Test("what a request is for is read off its end, whatever a repository is called", arguments: paths)
    func operations(method: HTTPRequest.Method, path: String, operation: RegistryMetrics.Operation) throws {
        #expect(RegistryMetrics.Operation(method, try HTTPURL("https://r.io\(path)")) == operation)
    }

    @Test("each try is counted by what it came to, and timed")
    func tries() async throws {
        let transport = FunctionTransport { _, number in
            switch number {
            case 0: throw TransportError(.connectionLost, "reset")
            case 1: .text(503, "")
            default: .text(200, #"{"name": "webapp/app", "tags": ["v1"]}"#)
            }
        }
        try await withMetricsFactory(metrics) { _ = try await Fixture(transport).client.tags(of: app) }
        #expect(requests("list_tags", "unavailable") == 2)
        #expect(requests("list_tags", "ok") == 1)
        #expect(requests == 3)
        #expect(timed("list_tags") == 3)
    }

    static let refusedAnswers: [(Int, String, String)] = [
        (401, "", "unauthorized"), (403, "", "denied"), (429, "", "toomanyrequests"), (502, "", "unavailable"),
        (404, #"{"errors": [{"code": "NAME_UNKNOWN"}]}"#, "name_unknown"), (404, "<html>", "not_found"),
        (400, #"{"errors": [{"code": "MADE_UP_BY_A_REGISTRY"}]}"#, "other"),
    ]

    @Test("a refusal is counted by its code, of which there are few", arguments: refusedAnswers)
    func refusals(status: Int, body: String, outcome: String) async throws {
        await withMetricsFactory(metrics) {
            _ = await #expect(throws: RegistryError.self) {
                let fixture = try Fixture(answering(status, body), adjusting: { $0.retry = .none })
                _ = try await fixture.client.tags(of: app)
            }
        }
        #expect(requests("list_tags", outcome) == 1 && requests == 1, "\(metrics.counters)")
        #expect(RegistryError.metricLabels.contains(outcome))
    }

    @Test("a request that hangs is a timeout; one that the caller gives up is nothing", arguments: [true, false])
    func hanging(isLate: Bool) async throws {
        let clock = ManualClock()
        let transport = FunctionTransport { _, _ in
            try await Task.sleep(for: .seconds(3600))
            return .text(200, "")
        }
        let fixture = try Fixture(transport, clock: clock)
        try await withMetricsFactory(metrics) {
            let listing = Task { try await fixture.client.tags(of: app) }
            try await eventually { transport.requests.count == 1 }
            try await clock.waitForSleep(of: .seconds(20))
            if isLate { clock.advance(by: .seconds(20)) } else { listing.cancel() }
            _ = await #expect(throws: (any Error).self) { try await listing.value }
        }
        #expect(requests("list_tags", "timeout") == (isLate ? 1 : 0))
        #expect(requests == (isLate ? 1 : 0))
    }

    @Test("asking for a token is part of the request that needs it, and counted by itself")
    func tokens() async throws {
        let good = ScriptedTransport([
            unauthorized(Self.bearer), token(user: "user"), accepted("Bearer t1"), accepted("Bearer t1"),
        ])
        try await withMetricsFactory(metrics) {
            let fixture = try Fixture(good, config: auths("user"))
            for _ in 0..<2 { _ = try await fixture.client.tags(of: app) }
        }
        #expect(requests("list_tags", "ok") == 2, "a challenge is no refusal")
        #expect(requests("token", "ok") == 1 && requests == 3)
        #expect(renewals("ok") == 1 && renewals("failed") == 0)

        let bad = FunctionTransport { request, _ in
            request.url.path == "/token"
                ? .text(401, "") : .text(401, "", [("WWW-Authenticate", #"Bearer realm="https://r.io/token""#)])
        }
        await withMetricsFactory(metrics) {
            _ = await #expect(throws: RegistryError.self) {
                _ = try await Fixture(bad, config: auths("user")).client.ping()
            }
        }
        #expect(requests("ping", "unauthorized") == 1 && requests("token", "unauthorized") == 1)
        #expect(renewals("failed") == 1)
    }

    @Test("a listing is counted by what it came from; a failure came from nowhere")
    func sources() async throws {
        let gate = Gate()
        let clock = ManualClock()
        let shared = SharedTagListings(maxAge: .seconds(5), clock: clock) { repository in
            guard repository == app else { throw RegistryError(.unavailable, operation: "list", summary: "down") }
            try await gate.pass()
            return TagListing(tags: [])
        }
        let other = try Repository("webapp/other")
        try await withMetricsFactory(metrics) {
            async let first = shared.listing(of: app)
            async let second = shared.listing(of: app)
            try await eventually { await shared.waiterCount == 2 }
            gate.open()
            _ = try await (first, second)
            for _ in 0..<3 { _ = try await shared.listing(of: app) }
            clock.advance(by: .seconds(6))
            _ = try await shared.listing(of: app)
            _ = await #expect(throws: RegistryError.self) { try await shared.listing(of: other) }
        }
        #expect(listings("registry") == 2 && listings("shared") == 1)
        #expect(listings("cache") == 3)
        #expect(metrics.counterTotal(label: "registry_query_tag_listings_total") == 6)
    }
}
