import CurlTransport
import FoundationEssentials
import HTTPTransport
import KubernetesStandIn
import Logging
import Testing

@testable import KubernetesClient

@Suite("The client over real HTTP, with everything that goes wrong there", .timeLimit(.minutes(5)))
struct StandInTransportTests {
    private func settings(_ script: PodScript = .endless) -> StandInSettings {
        var settings = StandInSettings()
        settings.script = { _, _ in script }
        return settings
    }

    private static let creates: @Sendable (APIRequest) -> Bool = { $0.method == "POST" }

    @Test("a read survives what passes", arguments: 0..<5)
    func transientReads(_ index: Int) async throws {
        let faults: [Fault] = [
            .dropRequest, .dropAnswer, .html(503), .overloaded(retryAfter: 0), .dropBody(afterBytes: 100),
        ]
        try await TestCluster.run(settings()) { cluster in
            try await cluster.create("build-x")
            cluster.standIn.inject(faults[index], times: 2)
            #expect(try await cluster.client.job(named: "build-x").metadata.name == "build-x")
            #expect(cluster.standIn.requests.count == 4)
        }
    }

    @Test("a create whose answer is lost is not sent again, and may have happened")
    func lostCreate() async throws {
        try await TestCluster.run(settings()) { cluster in
            cluster.standIn.inject(.dropAnswer, into: Self.creates)
            let lost = await kubernetesError { try await cluster.create("build-x") }
            #expect(lost?.code == .unreachable)
            #expect(cluster.standIn.jobNames == ["build-x"])
            cluster.standIn.inject(.dropRequest, into: Self.creates)
            #expect(await kubernetesError { try await cluster.create("build-y") }?.code == .unreachable)
            #expect(cluster.standIn.jobNames == ["build-x"])
            #expect(cluster.standIn.requests.count(where: Self.creates) == 2)
            // Turned away is not lost.
            cluster.standIn.inject(.overloaded(retryAfter: 0), into: Self.creates)
            try await cluster.create("build-z")
            #expect(cluster.standIn.requests.count(where: Self.creates) == 4)
        }
    }

    @Test("refusals and pages of proxies are told apart")
    func injected() async throws {
        try await TestCluster.run(settings()) { cluster in
            cluster.standIn.inject(.html(200))
            #expect(await kubernetesError { _ = try await cluster.client.jobs() }?.code == .malformedAnswer)
            cluster.standIn.inject(.html(404))
            #expect(
                await kubernetesError { _ = try await cluster.client.job(named: "build-x") }?.code == .malformedAnswer)
            cluster.standIn.inject(.status(500, reason: "InternalError", message: "etcd"), times: 3)
            let error = await kubernetesError { _ = try await cluster.client.job(named: "build-x") }
            #expect(error?.code == .serverFailure)
            #expect(error?.description.contains("500 InternalError: etcd") == true)
        }
    }

    @Test("a server that is slower than the deadline is given up")
    func slow() async throws {
        var limits = KubernetesClient.Limits()
        limits.call = .milliseconds(200)
        try await TestCluster.run(settings(), limits: limits) { cluster in
            cluster.standIn.inject(.delay(.seconds(20)), times: 5)
            #expect(await kubernetesError { _ = try await cluster.client.jobs() }?.code == .timeout)
            #expect(
                await kubernetesError { _ = try await cluster.client.watchJobs(WatchOptions(from: "0")) }?.code
                    == .timeout)
        }
    }

    @Test("a watch goes on where it was, through cuts, and ends when the server ends it")
    func watch() async throws {
        try await TestCluster.run(settings()) { cluster in
            let list = try await cluster.client.jobs()
            var version = list.resourceVersion
            var seen: [String] = []
            // Each watch breaks somewhere; together they still see every Job, and nothing twice that was whole before.
            for index in 0..<4 {
                cluster.standIn.inject(.dropBody(afterBytes: 10_000 + index * 777)) { $0.query["watch"] == "true" }
                var options = WatchOptions(from: version)
                options.timeoutSeconds = 1_000_000
                let watch = try await cluster.client.watchJobs(options)
                for suffix in ["a", "b", "c"] { try await cluster.create("build-\(index)-\(suffix)") }
                let error = await kubernetesError {
                    for try await event in watch {
                        if case .added(let job) = event { seen.append(job.metadata.name) }
                        version = event.resourceVersion ?? version
                    }
                }
                #expect(error?.isTransient == true)
            }
            // The last is ended by the server, once it has told what is left.
            let last = try await cluster.client.watchJobs(WatchOptions(from: version))
            for try await event in last {
                if case .added(let job) = event { seen.append(job.metadata.name) }
            }
            #expect(seen == (0..<4).flatMap { index in ["a", "b", "c"].map { "build-\(index)-\($0)" } })
        }
    }

    @Test("a watch in small pieces is the same watch", arguments: [1, 13, 1000])
    func trickle(_ bytes: Int) async throws {
        try await TestCluster.run(settings(.unschedulable)) { cluster in
            try await cluster.create("build-x") { $0["spec"] = ["template": ["spec": ["restartPolicy": "Never"]]] }
            cluster.standIn.inject(.trickle(bytes: bytes, pause: .zero)) { $0.query["watch"] == "true" }
            for try await event in try await cluster.client.watchJobs(WatchOptions(from: "0")) {
                guard case .added(let job) = event else { continue }
                #expect(job.metadata.name == "build-x")
                break
            }
        }
    }

    @Test("a version that was forgotten is expired")
    func expired() async throws {
        try await TestCluster.run(settings()) { cluster in
            let version = cluster.standIn.resourceVersion
            try await cluster.create("build-x")
            cluster.standIn.compact()
            let error = await kubernetesError {
                for try await _ in try await cluster.client.watchJobs(WatchOptions(from: version)) {}
            }
            #expect(error?.code == .expired)
        }
    }

    @Test("a selector chooses, also when an object begins or ceases to match")
    func selector() async throws {
        try await TestCluster.run(settings(.unschedulable)) { cluster in
            let selector = try LabelSelector(["webapp": "app-example"])
            var options = WatchOptions(from: "0", selector: selector)
            options.timeoutSeconds = 1_000_000
            let watch = try await cluster.client.watchJobs(options)
            try await cluster.create("build-other") { $0["metadata"]?["labels"]?["webapp"] = "other" }
            try await cluster.create("build-x")
            #expect(try await cluster.client.jobs(matching: selector).items.map(\.metadata.name) == ["build-x"])
            _ = try await cluster.client.patchJob(
                named: "build-x", .merge(["metadata": ["labels": ["webapp": "other"]]]))
            _ = try await cluster.client.patchJob(
                named: "build-other", .merge(["metadata": ["labels": ["webapp": "app-example"]]]))
            var events: [String] = []
            for try await event in watch {
                switch event {
                case .added(let job): events.append("added \(job.metadata.name)")
                case .deleted(let job): events.append("deleted \(job.metadata.name)")
                default: continue
                }
                if events.count == 3 { break }
            }
            #expect(events == ["added build-x", "deleted build-x", "added build-other"])
        }
    }

    @Test("a watch that is left or cancelled ends on the server, too")
    func leaving() async throws {
        try await TestCluster.run(settings()) { cluster in
            try await cluster.create("build-x")
            for try await _ in try await cluster.client.watchJobs(WatchOptions(from: "0")) { break }
            var options = WatchOptions(from: cluster.standIn.resourceVersion)
            options.timeoutSeconds = 1_000_000
            let watch = try await cluster.client.watchPods(options)
            let task = Task { for try await _ in watch {} }
            try await cluster.standIn.waitUntil("the watch is open") { $0.watchCount == 1 }
            task.cancel()
            await #expect(throws: (any Error).self) { try await task.value }
            // The server learns of it when the connection closes.
            try await cluster.standIn.waitUntil("no watch is open") { $0.watchCount == 0 }
        }
    }

    @Test("the kubeconfig it writes leads to it; without it, and after its end, there is nothing")
    func kubeconfig() async throws {
        let folder = try TemporaryFolder()
        let transport = CurlTransport(logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let standIn = try await KubernetesStandIn.start()
        try standIn.writeKubeconfig(to: "\(folder.path)/config")
        let found = try #require(
            try ClusterConfiguration.detect(
                environment: ["KUBECONFIG": "\(folder.path)/config"], serviceAccountDirectory: "\(folder.path)/none"))
        #expect(found.namespace == "build-system")
        let client = KubernetesClient(transport: transport, configuration: found, namespace: "build-system")
        #expect(try await client.serverVersion().gitVersion == "v1.36.2")
        try await client.checkReadiness()
        #expect(try await client.jobs().items.isEmpty)
        #expect(standIn.requests.allSatisfy { $0.headers["user-agent"] == "registry-query" })
        for access in ResourceAccess.neededByClient { #expect(try await client.decision(on: access).isAllowed) }
        await standIn.stop()
        #expect(await kubernetesError { _ = try await client.jobs() }?.code == .unreachable)
        await transport.shutDown()
    }
}
