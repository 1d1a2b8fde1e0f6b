import HTTPTransport
import HTTPTypes
import Testing

@testable import KubernetesClient

@Suite("A listing is complete or an error")
struct ListingTests {
    /// A page of so many Pods, with a continuation.
    private static func page(_ names: [String], version: String = "10", next: String? = nil) -> SequenceTransport.Answer
    {
        var metadata: JSONValue = ["resourceVersion": .string(version)]
        if let next { metadata["continue"] = .string(next) }
        let items = names.map { name -> JSONValue in ["metadata": ["name": .string(name)], "spec": [:]] }
        let page: JSONValue = ["kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": .array(items)]
        return (200, [.contentType: "application/json"], page.json())
    }

    private static func expired() throws -> SequenceTransport.Answer {
        let recording = try Recording("job-list-410-expired-continue")
        return (410, recording.responseFields, recording.body)
    }

    private func continuations(_ transport: SequenceTransport) -> [String?] {
        transport.requests.map { request in
            decodedQuery(request.url.pathAndQuery).first { $0.0 == "continue" }?.1
        }
    }

    @Test("a continuation that expires between pages starts the listing over")
    func startsOver() async throws {
        let transport = SequenceTransport([
            Self.page(["a", "b"], next: "one"), try Self.expired(), Self.page(["a", "c"], version: "20", next: "two"),
            Self.page(["d"], version: "20"),
        ])
        let list = try await client(transport).pods()
        #expect(list.items.map(\.metadata.name) == ["a", "c", "d"])
        #expect(list.resourceVersion == "20")
        // The token for going on without consistency is never used.
        #expect(continuations(transport) == [nil, "one", nil, "two"])
    }

    @Test("a listing that keeps expiring ends as expired")
    func keepsExpiring() async throws {
        let round = [Self.page(["a"], next: "one"), try Self.expired()]
        let transport = SequenceTransport(round + round + round + round)
        #expect(await kubernetesError { _ = try await client(transport).pods() }?.code == .expired)
        #expect(transport.requests.count == 6)
    }

    @Test("a page that fails fails the listing")
    func failingPage() async throws {
        let transport = SequenceTransport([
            Self.page(["a"], next: "one"), (403, [:], try Recording("anonymous-403").body),
        ])
        #expect(await kubernetesError { _ = try await client(transport).pods() }?.code == .forbidden)
    }

    @Test("continuations that go round in circles are seen")
    func circle() async throws {
        let transport = SequenceTransport([
            Self.page(["a"], next: "one"), Self.page(["b"], next: "two"), Self.page(["c"], next: "one"),
        ])
        #expect(await kubernetesError { _ = try await client(transport).pods() }?.code == .malformedAnswer)
        #expect(transport.requests.count == 3)
    }

    @Test("more objects than allowed are an error, not a part")
    func tooMany() async throws {
        var limits = KubernetesClient.Limits()
        limits.listedObjects = 3
        let transport = SequenceTransport([Self.page(["a", "b"], next: "one"), Self.page(["c", "d"], next: "two")])
        #expect(await kubernetesError { _ = try await client(transport, limits: limits).pods() }?.code == .tooMany)
    }

    @Test("empty pages with successors are counted, too")
    func emptyPages() async throws {
        var limits = KubernetesClient.Limits()
        limits.listedObjects = 3
        let transport = SequenceTransport((0..<10).map { Self.page([], next: "token-\($0)") })
        #expect(await kubernetesError { _ = try await client(transport, limits: limits).pods() }?.code == .tooMany)
    }

    @Test("pages together have one deadline")
    func deadline() async throws {
        let clock = LeapingClock()
        let transport = SlowTransport(
            clock: clock, each: .seconds(4),
            answers: (0..<5).map {
                Self.page(["pod-\($0)"], next: $0 < 4 ? "token-\($0)" : nil)
            })
        #expect(await kubernetesError { _ = try await client(transport, clock: clock).pods() }?.code == .timeout)
    }

    static let strange = [
        #"{"kind":"PodList","metadata":{}}"#, #"{"kind":"JobList","metadata":{"resourceVersion":"1"},"items":[]}"#,
        #"{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[{}]}"#, "[]", "<html>",
        #"{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a"}"#,
    ]

    @Test("a page that is none is an error", arguments: strange)
    func strangePage(_ body: String) async throws {
        let error = await kubernetesError { _ = try await client(PieceTransport(body: Array(body.utf8))).pods() }
        #expect(error?.code == .malformedAnswer)
    }

    @Test("no items and null items are an empty list", arguments: ["", #","items":null"#, #","items":[]"#])
    func noItems(_ items: String) async throws {
        let body = #"{"kind":"PodList","metadata":{"resourceVersion":"1","continue":""}\#(items)}"#
        let list = try await client(PieceTransport(body: Array(body.utf8))).pods()
        #expect(list.items.isEmpty)
    }
}

/// Takes time, by a clock, for each answer.
private struct SlowTransport: Transport {
    let clock: LeapingClock
    let each: Duration
    let rest: SequenceTransport

    init(clock: LeapingClock, each: Duration, answers: [SequenceTransport.Answer]) {
        self.clock = clock
        self.each = each
        rest = SequenceTransport(answers)
    }

    func send(_ request: OutboundRequest) async throws -> InboundResponse {
        clock.advance(by: each)
        return try await rest.send(request)
    }
}
