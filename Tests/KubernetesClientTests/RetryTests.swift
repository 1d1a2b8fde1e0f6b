import FoundationEssentials
import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import Testing

@testable import KubernetesClient

@Suite("Calls are repeated only where that is safe")
struct RetryTests {
    static let jobURL = "https://api.example:6443/apis/batch/v1/namespaces/build-system/jobs/build-x"
    static let jobsURL = "https://api.example:6443/apis/batch/v1/namespaces/build-system/jobs"
    static let lost = ScriptedTransport.Answer.failure(TransportError(.connectionLost, "lost"))

    static func job(_ status: Int) throws -> ScriptedTransport.Answer {
        .response(status: status, body: String(decoding: try Recording("job-get-created").body, as: UTF8.self))
    }

    static func busy(_ seconds: Int) -> ScriptedTransport.Answer {
        .response(status: 429, headers: [("Retry-After", "\(seconds)")], body: "Too many requests")
    }

    static let transient: [ScriptedTransport.Answer] = [
        lost, .failure(TransportError(.connect, "refused")), .failure(TransportError(.idleTimeout, "silent")),
        .response(status: 500, body: "etcd"), .response(status: 503, body: ""), .response(status: 504, body: ""),
        busy(0),
    ]

    @Test("a read goes on after a transient failure", arguments: 0..<transient.count)
    func read(_ index: Int) async throws {
        let transport = ScriptedTransport([
            .init("GET", Self.jobURL, answer: Self.transient[index]),
            .init("GET", Self.jobURL, headers: ["Authorization": "Bearer <token>"], answer: try Self.job(200)),
        ])
        _ = try await client(transport).job(named: "build-x")
        try transport.verify()
    }

    @Test("a read ends with the failure of its third try")
    func bounded() async throws {
        let transport = ScriptedTransport(Array(repeating: .init("GET", Self.jobURL, answer: Self.lost), count: 3))
        let error = await kubernetesError { _ = try await client(transport).job(named: "build-x") }
        #expect(error?.code == .unreachable)
        try transport.verify()
    }

    @Test(
        "what is final is not tried again", arguments: ["job-get-404", "anonymous-403", "unauthorized-401-bad-token"])
    func final(_ name: String) async throws {
        let recording = try Recording(name)
        let transport = ScriptedTransport([
            .init(
                "GET", Self.jobURL,
                answer: .response(status: recording.status, body: String(decoding: recording.body, as: UTF8.self)))
        ])
        #expect(await kubernetesError { _ = try await client(transport).job(named: "build-x") } != nil)
        try transport.verify()
    }

    @Test("a create is not repeated when its answer was lost", arguments: 0..<6)
    func create(_ index: Int) async throws {
        let transport = ScriptedTransport([.init("POST", Self.jobsURL, answer: Self.transient[index])])
        let error = await kubernetesError {
            _ = try await client(transport).createJob(["metadata": ["name": "build-x"]])
        }
        #expect(error?.isTransient == true)
        try transport.verify()
    }

    @Test("everything is repeated after a 429, which has done nothing")
    func tooManyRequests() async throws {
        let clock = LeapingClock()
        let transport = ScriptedTransport([
            .init("POST", Self.jobsURL, answer: Self.busy(2)), .init("POST", Self.jobsURL, answer: try Self.job(201)),
            .init("DELETE", Self.jobURL, answer: Self.busy(1)), .init("DELETE", Self.jobURL, answer: try Self.job(200)),
        ])
        let client = try client(transport, clock: clock)
        _ = try await client.createJob(["metadata": ["name": "build-x"]])
        _ = try await client.deleteJob(named: "build-x", propagation: .foreground)
        try transport.verify()
        #expect(clock.waits == [.seconds(2), .seconds(1)])
    }

    @Test("a wait that leaves the deadline is not waited for, and told")
    func retryAfterBeyondDeadline() async throws {
        let clock = LeapingClock()
        let transport = ScriptedTransport([.init("GET", Self.jobURL, answer: Self.busy(30))])
        let error = await kubernetesError { _ = try await client(transport, clock: clock).job(named: "build-x") }
        #expect(error?.code == .tooManyRequests)
        #expect(error?.retryAfter == .seconds(30))
        #expect(clock.waits.isEmpty)
        try transport.verify()
    }

    @Test("the API server's own retryAfterSeconds counts like the header")
    func retryAfterInDetails() async throws {
        let recording = try Recording("job-list-504-future-rv")
        let error = KubernetesError(
            answer: .gatewayTimeout, fields: [:], body: recording.body,
            to: KubernetesOperation(ResourceAccess("list", .jobs), namespace: "build-system"), now: .now)
        #expect(error.retryAfter == .seconds(1))
    }

    @Test("later tries get what is left of the deadline")
    func remaining() async throws {
        let transport = ScriptedTransport([
            .init("GET", Self.jobURL, answer: Self.busy(4)), .init("GET", Self.jobURL, answer: try Self.job(200)),
        ])
        _ = try await client(transport).job(named: "build-x")
        #expect(transport.requests.map(\.limits.total) == [.seconds(10), .seconds(6)])
    }

    @Test("a review is repeated like a read")
    func review() async throws {
        let url = "https://api.example:6443/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        let body = String(decoding: try Recording("selfsubjectaccessreview-allowed").body, as: UTF8.self)
        let transport = ScriptedTransport([
            .init("POST", url, answer: Self.lost), .init("POST", url, answer: .response(status: 201, body: body)),
        ])
        let decision = try await client(transport).decision(on: ResourceAccess("create", .jobs))
        #expect(decision.isAllowed)
        #expect(decision.reason?.hasPrefix("RBAC: allowed by RoleBinding") == true)
        let denied = try await client(try Recording("selfsubjectaccessreview-denied").transport())
            .decision(on: ResourceAccess("create", .jobs))
        #expect(denied == AccessDecision(isAllowed: false, reason: nil))
    }

    @Test("cancelling stays cancelling", .timeLimit(.minutes(5)))
    func cancellation() async throws {
        let transport = ScriptedTransport([.init("GET", Self.jobURL, answer: .hang)])
        let client = try client(transport)
        let task = Task { try await client.job(named: "build-x") }
        while transport.requests.isEmpty { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("a watch whose head does not come is given up")
    func silentWatch() async throws {
        let url =
            Self.jobsURL + "?watch=true&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=240"
        let transport = ScriptedTransport([.init("GET", url, answer: .hang)])
        let clock = LeapingClock(longest: .seconds(20))
        let error = await kubernetesError {
            _ = try await client(transport, clock: clock).watchJobs(WatchOptions(from: "7"))
        }
        #expect(error?.code == .timeout)
    }

    /// An error's status, how its body ends, and what that means to whoever follows a log or watches.
    static let brokenErrors: [(status: Int, failure: TransportError?, code: KubernetesError.Code, isTransient: Bool)] =
        [
            (400, TransportError(.connectionLost, "lost"), .unreachable, true),
            (403, TransportError(.connectionLost, "lost"), .unreachable, true),
            (410, TransportError(.idleTimeout, "silent"), .timeout, true),
            (404, TransportError(.totalTimeout, "slow"), .timeout, true),
            (503, TransportError(.connectionLost, "lost"), .unreachable, true),
            // What is no accident of the connection leaves the status to say what it says.
            (400, TransportError(.malformedResponse, "chunks"), .malformedAnswer, false),
            (503, TransportError(.bodyTooLarge, "large"), .unavailable, true),
            (400, nil, .badRequest, false),
        ]

    @Test("an error of a stream whose body breaks off is not final", arguments: 0..<brokenErrors.count)
    func brokenError(_ index: Int) async throws {
        let (status, failure, code, isTransient) = Self.brokenErrors[index]
        let whole = try Recording("log-400-bad-container").body
        let transport = PieceTransport(
            status: status, body: failure == nil ? whole : Array(whole.prefix(40)), failure: failure)
        var options = LogOptions(container: "buildkit")
        options.follow = true
        for call in [
            { _ = try await client(transport).log(ofPod: "pod", options) },
            { _ = try await client(transport).watchJobs(WatchOptions(from: "7")) },
        ] as [() async throws -> Void] {
            let error = await kubernetesError(call)
            guard failure != nil || error != nil else { continue }
            #expect(error?.code == code && error?.isTransient == isTransient, "\(error.debugDescription)")
            #expect(error?.status == status)
        }
    }

    @Test("a readiness that is not ok is no readiness")
    func readiness() async throws {
        try await client(try Recording("readyz").transport()).checkReadiness()
        #expect(
            await kubernetesError {
                try await client(PieceTransport(body: Array("<html>".utf8))).checkReadiness()
            }?.code == .malformedAnswer)
        let version = try await client(try Recording("version").transport()).serverVersion()
        #expect(version.gitVersion == "v1.36.2")
    }
}
