import KubernetesStandIn
import Testing

@testable import KubernetesClient

@Suite("The stand-in's streams and builds can be driven from outside", .timeLimit(.minutes(5)))
struct StandInDrivingTests {
    @Test("open streams are cut after so many further bytes, those that match and no others; later ones are whole")
    func cut() async throws {
        var settings = StandInSettings()
        settings.script = { _, _ in .endless }
        try await TestCluster.run(settings) { cluster in
            try await cluster.create("build-x")
            let pod = try await cluster.pod(ofJob: "build-x", when: "buildkit", is: "running")
            var options = WatchOptions(from: cluster.standIn.resourceVersion)
            options.timeoutSeconds = 1_000_000
            let jobs = try await cluster.client.watchJobs(options)
            let pods = try await cluster.client.watchPods(options)
            var log = LogOptions(container: "buildkit")
            log.follow = true
            guard case .bytes(let bytes) = try await cluster.client.log(ofPod: pod.metadata.name, log) else {
                Issue.record("no log")
                return
            }
            var text: [UInt8] = []
            let logError = await kubernetesError {
                for try await piece in bytes {
                    text += piece
                    if text.count > 10 { cluster.standIn.cutStreams { $0.target.contains("/log?") } }
                }
            }
            #expect(logError?.code == .unreachable)
            #expect(String(decoding: text, as: UTF8.self).hasPrefix("#1 [internal]"))

            cluster.standIn.cutStreams(afterBytes: 100) { $0.target.contains("/jobs?") }
            try await cluster.create("build-y")
            var seen = 0
            let cut = await kubernetesError {
                for try await event in jobs { if case .added = event { seen += 1 } }
            }
            #expect(cut?.code == .unreachable)
            #expect(seen == 0)
            // The other watch has not noticed, and a new one is not cut.
            for try await event in pods {
                guard case .added(let pod) = event else { continue }
                #expect(pod.metadata.name.hasPrefix("build-y-"))
                break
            }
            for try await event in try await cluster.client.watchJobs(options) {
                guard case .added(let job) = event else { continue }
                #expect(job.metadata.name == "build-y")
                break
            }
        }
    }

    @Test("a stream with nothing to send is cut at once")
    func cutSilence() async throws {
        var settings = StandInSettings()
        settings.second = .seconds(10)
        try await TestCluster.run(settings) { cluster in
            let watch = try await cluster.client.watchJobs(WatchOptions(from: cluster.standIn.resourceVersion))
            try await cluster.standIn.waitUntil("the watch is open") { $0.watchCount == 1 }
            cluster.standIn.cutStreams()
            #expect(await kubernetesError { for try await _ in watch {} }?.code == .unreachable)
        }
    }

    @Test("a stepper lets builds go on step by step, each at its own pace, and tells when")
    func steps() async throws {
        let stepper = BuildStepper()
        var settings = StandInSettings()
        settings.script = { job, _ in stepper.script(of: job) }
        try await TestCluster.run(settings) { cluster in
            let standIn = cluster.standIn
            await #expect(throws: BuildStepper.Refusal.noSuchJob) {
                _ = try await stepper.advance("build-x", of: standIn)
            }
            try await cluster.create("build-x")
            try await cluster.create("build-y")
            let states: [(BuildStepper.Step, String, String)] = [
                (.schedule, "Pending", "waiting waiting"), (.initStart, "Pending", "running waiting"),
                (.initEnd, "Pending", "terminated waiting"), (.mainStart, "Running", "terminated running"),
                (.mainEnd, "Succeeded", "terminated terminated"),
            ]
            var last: UInt64 = 0
            for (step, phase, containers) in states {
                let before = standIn.resourceVersion
                let taken = try await stepper.advance("build-x", of: standIn)
                #expect(taken.step == step)
                #expect(taken.monotonicNanoseconds > last)
                last = taken.monotonicNanoseconds
                #expect(standIn.changes(since: before).contains { $0.monotonicNanoseconds == last })
                let status = standIn.pods(ofJob: "build-x").first?["status"]
                #expect(status?["phase"]?.string == phase)
                let shown = ["initContainerStatuses", "containerStatuses"].compactMap {
                    status?[$0]?.array?.first?["state"]?.object?.names.first
                }
                #expect(shown.joined(separator: " ") == containers)
            }
            #expect(try await cluster.client.job(named: "build-x").outcome == .complete)
            await #expect(throws: BuildStepper.Refusal.isOver) {
                _ = try await stepper.advance("build-x", of: standIn)
            }
            #expect(standIn.pods(ofJob: "build-y").first?["status"]?["phase"] == "Pending")
            #expect(try await stepper.advance("build-y", of: standIn).step == .schedule)
        }
    }

    @Test("a finished Job can be put there")
    func finished() async throws {
        try await TestCluster.run { cluster in
            for index in 0..<3 { cluster.standIn.storeFinishedJob(try cluster.manifest("build-\(index)")) }
            let jobs = try await cluster.client.jobs().items
            #expect(jobs.map(\.metadata.name) == ["build-0", "build-1", "build-2"])
            #expect(jobs.allSatisfy { $0.outcome == .complete && $0.metadata.uid != nil && $0.finishedAt != nil })
            #expect(jobs.allSatisfy { $0.metadata.labels["webapp"] == "app-example" })
            #expect(cluster.standIn.podNames == [])
            let changes = cluster.standIn.changes(since: "0")
            #expect(changes.map(\.name) == ["build-0", "build-1", "build-2"])
        }
    }
}
