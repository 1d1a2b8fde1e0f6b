import KubernetesStandIn
import Synchronization
import Testing

@testable import CurlTransport
@testable import KubernetesClient

@Suite("A reflector over real HTTP", .timeLimit(.minutes(5)))
struct StandInReflectorTests {
    private func settings(_ change: (inout StandInSettings) -> Void = { _ in }) -> StandInSettings {
        var settings = StandInSettings()
        settings.script = { _, _ in .unschedulable }
        // Long seconds, so that no watch ends by itself.
        settings.second = .seconds(1)
        change(&settings)
        return settings
    }

    /// Waits until the copy is what the stand-in has.
    private func settle(_ copy: ReflectedCopy, _ standIn: KubernetesStandIn) async throws {
        for _ in 0..<10_000 {
            let names = standIn.jobNames
            let versions = names.map { standIn.job($0)?["metadata"]?["resourceVersion"]?.string ?? "" }
            if copy.objects == Dictionary(uniqueKeysWithValues: zip(names, versions)) { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("the copy is \(copy.objects), and the cluster has \(standIn.jobNames)")
    }

    private func wait(_ what: String, until holds: () -> Bool) async throws {
        for _ in 0..<10_000 {
            // What holds for a moment only has come about as well.
            if holds() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("it did not come about: \(what)")
    }

    @Test(
        "creates, changes and deletions reach it through cuts, compaction and lost answers, and it ends without a trace"
    )
    func follows() async throws {
        try await TestCluster.run(settings()) { cluster in
            let standIn = cluster.standIn
            let copy = ReflectedCopy()
            let reflector = cluster.client.jobReflector(
                matching: try LabelSelector(["app.kubernetes.io/component": "builder"]))
            let task = Task { await reflector.run { copy.apply($0) } }
            try await cluster.create("build-a")
            try await settle(copy, standIn)

            // Cut in the midst of events, again and again.
            for index in 0..<5 {
                standIn.cutStreams(afterBytes: index * 3001)
                try await cluster.create("build-b\(index)")
                _ = try await cluster.client.patchJob(
                    named: "build-a", .merge(["metadata": ["annotations": ["n": .string("\(index)")]]]))
                try await settle(copy, standIn)
            }
            #expect(copy.log.contains("interrupted unreachable"))
            #expect(copy.log.count { $0.hasPrefix("listed") } == 1)

            // What it would have gone on from is forgotten while it is away.
            let isAway = Mutex(true)
            standIn.inject(.dropRequest, times: .max) { request in
                request.query["watch"] == "true" && isAway.withLock(\.self)
            }
            standIn.cutStreams()
            let told = copy.log.count
            try await wait("it was turned away") { copy.log.count >= told + 3 }
            _ = try await cluster.client.deleteJob(named: "build-b0", propagation: .background)
            standIn.compact()
            isAway.withLock { $0 = false }
            try await settle(copy, standIn)
            #expect(copy.log.contains("interrupted expired"))
            #expect(copy.log.count { $0.hasPrefix("listed") } == 2)

            // An overloaded server, and one whose answers get lost, are got over as well.
            standIn.inject(.overloaded(retryAfter: 0)) { $0.query["watch"] == "true" }
            standIn.inject(.dropAnswer) { $0.query["watch"] == "true" }
            standIn.cutStreams { $0.query["watch"] == "true" }
            try await cluster.create("build-c")
            try await settle(copy, standIn)

            try await standIn.waitUntil("one watch is open") { $0.watchCount == 1 }
            task.cancel()
            await task.value
            try await standIn.waitUntil("its watch has ended") { $0.watchCount == 0 }
            try await wait("no exchange is open") { cluster.transport.engine.loop.gate.counts == (0, 0) }
        }
    }

    @Test("the server's own end of a watch is no interruption")
    func serverTimeout() async throws {
        // A watch of 240 to 300 seconds lasts 1.2 to 1.5 seconds.
        try await TestCluster.run(settings { $0.second = .milliseconds(5) }) { cluster in
            let copy = ReflectedCopy()
            let reflector = cluster.client.jobReflector()
            let task = Task { await reflector.run { copy.apply($0) } }
            try await wait("the second watch") {
                cluster.standIn.requests.count { $0.query["watch"] == "true" } >= 2 && cluster.standIn.watchCount == 1
            }
            try await cluster.create("build-a")
            try await settle(copy, cluster.standIn)
            task.cancel()
            await task.value
            #expect(copy.log.prefix(3) == ["listed ", "connected", copy.log[2]])
            #expect(!copy.log.contains { $0.hasPrefix("interrupted") })
        }
    }

    @Test("Pods are followed as well; bookmarks keep a quiet watch young")
    func pods() async throws {
        try await TestCluster.run(settings { $0.second = .milliseconds(2) }) { cluster in
            let seen = Mutex<[String]>([])
            let reflector = cluster.client.podReflector()
            let task = Task {
                await reflector.run { change in
                    if case .changed(let pod) = change { seen.withLock { $0.append(pod.status.phase ?? "") } }
                }
            }
            try await cluster.standIn.waitUntil("the watch is open") { $0.watchCount == 1 }
            // Without a deadline nothing happens to it after that.
            try await cluster.create("build-a") { $0["spec"]?["activeDeadlineSeconds"] = nil }
            try await wait("the Pod is seen") { seen.withLock { $0.contains("Pending") } }
            task.cancel()
            await task.value

            var options = WatchOptions(from: cluster.standIn.resourceVersion)
            options.timeoutSeconds = 1_000_000
            // The second of two with one version says no more than that nothing has happened.
            var last: String?
            for try await event in try await cluster.client.watchJobs(options) {
                guard case .bookmark(let version) = event else { continue }
                if version == last { break }
                last = version
            }
            #expect(last == cluster.standIn.resourceVersion)
        }
    }
}
