import FoundationEssentials
import HTTPTransport
import HTTPTypes
import Testing

@testable import KubernetesClient

@Suite("Requests are those that were recorded")
struct RecordedRequestTests {
    typealias Call = @Sendable (KubernetesClient) async throws -> Void

    /// A recording, and the call that sends its request.
    struct Case: Sendable, CustomStringConvertible {
        var recording: String
        var call: Call
        var description: String { recording }

        init(_ recording: String, _ call: @escaping Call) {
            self.recording = recording
            self.call = call
        }
    }

    static let name = "build-app-example-v1-2-3"
    static let pod = "build-app-example-v1-2-3-788gf"

    static func create(_ recording: String, isDryRun: Bool = false, validation: FieldValidation? = nil) -> Case {
        Case(recording) { client in
            let body = try #require(try Recording(recording).requestBody)
            _ = try await client.createJob(body, isDryRun: isDryRun, validation: validation)
        }
    }

    static func log(_ recording: String, pod: String = pod, _ options: LogOptions) -> Case {
        Case(recording) { client in _ = try await client.log(ofPod: pod, options) }
    }

    static func patch(_ recording: String, of name: String = name, _ patch: ObjectPatch) -> Case {
        Case(recording) { client in _ = try await client.patchJob(named: name, patch) }
    }

    static func options(_ container: String, _ change: (inout LogOptions) -> Void = { _ in }) -> LogOptions {
        var options = LogOptions(container: container)
        change(&options)
        return options
    }

    static let attempts = "/metadata/annotations/registry-query~1callback-attempts"

    static let cases: [Case] = [
        create("job-create-201"), create("job-create-201-dry-run", isDryRun: true, validation: .strict),
        create("job-create-400-unknown-field", validation: .strict),
        create("job-create-201-warning-dotted-name", isDryRun: true), create("job-create-409-exists"),
        Case("job-get-created") { _ = try await $0.job(named: name) },
        Case("job-get-404") { _ = try await $0.job(named: name) },
        Case("job-delete-foreground-200") { _ = try await $0.deleteJob(named: "build-d2", propagation: .foreground) },
        Case("job-delete-background-200-finalizer") {
            _ = try await $0.deleteJob(named: name, propagation: .background)
        },
        Case("job-delete-200-precondition") {
            _ = try await $0.deleteJob(
                named: "build-d5", propagation: .background, uid: "abda67f0-47be-4b58-ab0c-48abffafb1b2")
        },
        patch(
            "job-patch-merge-200", .merge(["metadata": ["annotations": ["registry-query/callback-attempts": "1"]]])),
        patch(
            "job-patch-merge-409-conflict",
            .merge([
                "metadata": ["resourceVersion": "2888", "annotations": ["registry-query/callback-attempts": "2"]]
            ])),
        patch(
            "job-patch-merge-remove-finalizer-200", of: "build-d3",
            .merge(["metadata": ["finalizers": .null, "resourceVersion": "3811"]])),
        patch(
            "job-patch-json-200",
            .operations([.test(path: attempts, value: "1"), .replace(path: attempts, value: "2")])),
        patch(
            "job-patch-ttl-remove-finalizer-200", of: "build-e1", .operations([.remove(path: "/metadata/finalizers/0")])
        ),
        log("log-main", options("buildkit")), log("log-init", options("git-clone")),
        log("log-tail", options("buildkit") { $0.tailLines = 3 }),
        log("log-limit", options("buildkit") { $0.limitBytes = 64 }),
        log("log-timestamps", options("buildkit") { $0.timestamps = true }),
        log("log-follow-main", options("buildkit") { $0.follow = true }),
        log("log-400-bad-container", options("nope")),
        Case("lease-get-200") { _ = try await $0.lease(named: "registry-query") },
        Case("lease-create-201") { client in
            let lease = try JSONDecoder().decode(
                Lease.self, from: Data(try Recording("lease-create-201").requestBody?.json() ?? []))
            _ = try await client.createLease(lease)
        },
        Case("lease-update-200") { client in
            let lease = try JSONDecoder().decode(
                Lease.self, from: Data(try Recording("lease-update-200").requestBody?.json() ?? []))
            _ = try await client.updateLease(lease)
        },
        Case("selfsubjectaccessreview-allowed") { _ = try await $0.decision(on: ResourceAccess("create", .jobs)) },
        Case("selfsubjectaccessreview-denied") {
            _ = try await $0.decision(
                on: ResourceAccess(verb: "create", group: "", resource: "pods", subresource: "exec"))
        },
        Case("tokenreview-authenticated") {
            _ = try await $0.review(token: "<token>", audiences: ["registry-query"])
        },
        Case("tokenreview-default-audience") { _ = try await $0.review(token: "<token>", audiences: []) },
        Case("tokenreview-invalid") { _ = try await $0.review(token: "nonsense", audiences: []) },
        Case("tokenreview-403") { _ = try await $0.review(token: "<token>", audiences: []) },
        Case("version") { _ = try await $0.serverVersion() },
        Case("readyz") { try await $0.checkReadiness() },
        Case("job-list-page1") { client in
            let selector = try LabelSelector(["app.kubernetes.io/managed-by": "registry-query", "webapp": "app-list"])
            _ = try await client.jobs(matching: selector)
        },
        Case("watch-jobs-build") { client in
            var options = WatchOptions(
                from: "2888", selector: try LabelSelector(["app.kubernetes.io/managed-by": "registry-query"]))
            options.timeoutSeconds = 100
            _ = try await client.watchJobs(options)
        },
        Case("watch-pods-build") { client in
            var options = WatchOptions(from: "2888", selector: try LabelSelector(["webapp": "app-example"]))
            options.timeoutSeconds = 100
            _ = try await client.watchPods(options)
        },
    ]

    @Test("method, path, query, header fields and body", arguments: cases)
    func request(_ one: Case) async throws {
        let recording = try Recording(one.recording)
        let transport = recording.transport()
        var limits = KubernetesClient.Limits()
        limits.pageSize = 2
        do {
            try await one.call(try client(transport, limits: limits))
            #expect((200..<300).contains(recording.status) || one.recording.hasPrefix("log-4"))
        } catch is KubernetesError {
            #expect(recording.status >= 400 || one.recording == "job-list-page1")
        }
        let sent = try #require(transport.requests.first)
        #expect(sent.method.rawValue == recording.method)
        #expect(sent.url.withoutQuery == "https://api.example:6443" + recording.path)
        let query = decodedQuery(sent.url.pathAndQuery)
        #expect(query.map { "\($0.0)=\($0.1)" } == recording.query.map { "\($0.0)=\($0.1)" })
        var fields: [String: String] = [:]
        for field in sent.headerFields { fields[field.name.canonicalName] = field.value }
        #expect(fields == recording.headers)
        #expect(try sent.body.map { try JSONValue(json: $0) } == withoutServerFields(recording.requestBody, one))
    }

    /// The recorded PUT carried fields that only the server sets and nobody reads back.
    private func withoutServerFields(_ body: JSONValue?, _ one: Case) -> JSONValue? {
        var body = body
        if one.recording == "lease-update-200" { body?["metadata"]?["managedFields"] = nil }
        return body
    }

    @Test("a page asks with the continuation of the one before it")
    func continuation() async throws {
        let pages = try ["job-list-page1", "job-list-page2", "job-list-page3"].map(Recording.init)
        let transport = SequenceTransport(pages.map { ($0.status, $0.responseFields, $0.body) })
        var limits = KubernetesClient.Limits()
        limits.pageSize = 2
        let selector = try LabelSelector(["app.kubernetes.io/managed-by": "registry-query", "webapp": "app-list"])
        let list = try await client(transport, limits: limits).jobs(matching: selector)
        #expect(list.items.map(\.metadata.name) == (0..<5).map { "build-list-\($0)" })
        #expect(list.resourceVersion == "4264")
        #expect(
            transport.requests.map { decodedQuery($0.url.pathAndQuery).map { "\($0.0)=\($0.1)" } }
                == pages.map { $0.query.map { "\($0.0)=\($0.1)" } })
    }

    @Test("every call needs a right that is on the client's list, and all of these are needed")
    func rights() async throws {
        let transport = PieceTransport(
            status: 403, body: Array(try Recording("anonymous-403").body))
        var needed: Set<ResourceAccess> = []
        for one in Self.cases {
            if let error = await kubernetesError({ try await one.call(try client(transport)) }) {
                if let access = error.operation.access { needed.insert(access) }
            }
        }
        for list in [
            { try await client(transport).pods() as Any }, { try await client(transport).jobs() as Any },
            { try await client(transport).events(about: "8637b7a6-135c-4f9f-953f-a09f2da4023c") as Any },
        ] {
            if let access = await kubernetesError({ _ = try await list() })?.operation.access { needed.insert(access) }
        }
        #expect(needed == Set(ResourceAccess.neededByClient + [.tokenReviews]))
    }

    @Test("the longest waits of a call are bounded, those of a watch by its silence")
    func limits() async throws {
        let transport = try Recording("job-get-created").transport()
        _ = try await client(transport).job(named: Self.name)
        #expect(transport.requests[0].limits.total == .seconds(10))
        let watch = try Recording("watch-timeout").transport()
        _ = try await client(watch).watchJobs(WatchOptions(from: "1"))
        #expect(watch.requests[0].limits.total == nil)
        #expect(watch.requests[0].limits.idle == .seconds(90))
    }
}
