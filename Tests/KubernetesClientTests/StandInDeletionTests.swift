import FoundationEssentials
import HTTPTransport
import Testing

@testable import KubernetesClient
@testable import KubernetesStandIn

@Suite("The stand-in deletes as the recorded cluster did", .timeLimit(.minutes(5)))
struct StandInDeletionTests {
    private func settings(_ script: PodScript, _ change: (inout StandInSettings) -> Void = { _ in }) -> StandInSettings
    {
        var settings = StandInSettings()
        settings.script = { _, _ in script }
        change(&settings)
        return settings
    }

    @Test("a Foreground deletion holds the name until the last container is dead")
    func foreground() async throws {
        let gate = Gate()
        try await TestCluster.run(settings(.endless.terminating(.held(gate)))) { cluster in
            try await cluster.create("build-x")
            let pod = try await cluster.pod(ofJob: "build-x", when: "buildkit", is: "running")
            guard
                case .pending(let job) = try await cluster.client.deleteJob(named: "build-x", propagation: .foreground)
            else {
                Issue.record("the Job is gone at once")
                return
            }
            #expect(job.metadata.isBeingDeleted)
            #expect(job.metadata.finalizers == ["foregroundDeletion"])
            // As long as the Pod is there the name is taken; tried again and again, it is never free too early.
            #expect(await kubernetesError { try await cluster.create("build-x") }?.code == .alreadyExistsDeleting)
            #expect(cluster.standIn.podNames == [pod.metadata.name])
            gate.open()
            while let error = await kubernetesError({ try await cluster.create("build-x") }) {
                try #require(error.code == .alreadyExistsDeleting)
                try await Task.sleep(for: .milliseconds(2))
            }
            #expect(!cluster.standIn.podNames.contains(pod.metadata.name))
        }
    }

    @Test("a watch shows a Foreground deletion as it was recorded: marked, then gone, the status as it was")
    func watchedForeground() async throws {
        try await TestCluster.run(settings(.endless)) { cluster in
            try await cluster.create("build-d2")
            _ = try await cluster.pod(ofJob: "build-d2", when: "buildkit", is: "running")
            try await cluster.standIn.waitUntil("the Job counts its Pod") {
                $0.job("build-d2")?["status"]?["ready"] == 1
            }
            var options = WatchOptions(from: cluster.standIn.resourceVersion)
            options.timeoutSeconds = 1_000_000
            let watch = try await cluster.client.watchJobs(options)
            _ = try await cluster.client.deleteJob(named: "build-d2", propagation: .foreground)
            let recorded = try await Self.events(
                client(try Recording("watch-jobs-foreground").transport()).watchJobs(WatchOptions(from: "0")))
            #expect(try await Self.events(watch) == Array(recorded.dropFirst()))
            #expect(recorded.count == 3)
        }
    }

    /// The events up to the deletion, each with what the Job says.
    private static func events(_ watch: Watch<Job>) async throws -> [String] {
        var events: [String] = []
        for try await event in watch {
            switch event {
            case .added(let job): events.append("added \(summary(job))")
            case .modified(let job): events.append("modified \(summary(job))")
            case .deleted(let job): return events + ["deleted \(summary(job))"]
            case .bookmark: continue
            }
        }
        return events
    }

    private static func summary(_ job: Job) -> String {
        "\(job.metadata.name) \(job.metadata.isBeingDeleted) \(job.metadata.finalizers) \(job.status.active) \(job.status.ready)"
    }

    @Test("a Background deletion frees the name at once while the build goes on, and pushes")
    func background() async throws {
        let (gate, pushed, end) = (Gate(), Gate(), Gate())
        let script = PodScript.success { _ in
            try await gate.wait()
            pushed.open()
            return "sha256:0"
        }
        try await TestCluster.run(settings(script.terminating(.held(end)))) { cluster in
            try await cluster.create("build-x")
            _ = try await cluster.pod(ofJob: "build-x", when: "buildkit", is: "running")
            guard case .gone = try await cluster.client.deleteJob(named: "build-x", propagation: .background) else {
                Issue.record("something holds the Job")
                return
            }
            #expect(await kubernetesError { _ = try await cluster.client.job(named: "build-x") }?.code == .notFound)
            try await cluster.standIn.waitUntil("the Pod is told to end") {
                $0.pods(ofJob: "build-x").first?["metadata"]?["deletionTimestamp"] != nil
            }
            gate.open()
            try await pushed.wait()
            end.open()
            try await cluster.create("build-x")
        }
    }

    @Test("a Background deletion with a finalizer does nothing to the Pod; Foreground after it does")
    func backgroundWithFinalizer() async throws {
        let own = "registry-query/callback"
        try await TestCluster.run(settings(.endless)) { cluster in
            try await cluster.create("build-x", finalizers: [own])
            let pod = try await cluster.pod(ofJob: "build-x", when: "buildkit", is: "running")
            guard
                case .pending(let marked) = try await cluster.client.deleteJob(
                    named: "build-x", propagation: .background)
            else {
                Issue.record("the finalizer does not hold the Job")
                return
            }
            #expect(marked.metadata.finalizers == [own])
            // Many collections of garbage later it still runs.
            try await Task.sleep(for: .milliseconds(100))
            let later = try #require(
                try await cluster.client.pods().items.first { $0.metadata.name == pod.metadata.name })
            #expect(!later.metadata.isBeingDeleted)
            #expect(later.status.phase == "Running")

            guard
                case .pending(let held) = try await cluster.client.deleteJob(named: "build-x", propagation: .foreground)
            else {
                Issue.record("the finalizer does not hold the Job")
                return
            }
            #expect(held.metadata.finalizers == [own, "foregroundDeletion"])
            #expect(held.metadata.deletionTimestamp == marked.metadata.deletionTimestamp)
            try await cluster.standIn.waitUntil("the Pod is gone") { $0.podNames.isEmpty }
            try await cluster.standIn.waitUntil("only the own finalizer is left, and no Pod is counted") {
                let job = $0.job("build-x")
                return job?.finalizers == [own] && job?["status"]?["active"] == nil && job?["status"]?["ready"] == 0
            }
            #expect(await kubernetesError { try await cluster.create("build-x") }?.code == .alreadyExistsDeleting)
            // The recorded Job looked like this: nothing active, no condition.
            let job = try await cluster.client.job(named: "build-x")
            #expect(job.status.active == 0 && job.status.ready == 0 && job.outcome == nil)

            let released = try await cluster.client.patchJob(
                named: "build-x",
                .merge([
                    "metadata": ["finalizers": .null, "resourceVersion": .string(job.metadata.resourceVersion ?? "")]
                ]))
            #expect(released.metadata.finalizers == [])
            #expect(released.metadata.resourceVersion == job.metadata.resourceVersion)
            try await cluster.create("build-x")
        }
    }

    @Test("removing the finalizer of a Job that was deleted with Background stops its Pod")
    func releasedWhileRunning() async throws {
        try await TestCluster.run(settings(.endless)) { cluster in
            try await cluster.create("build-x", finalizers: ["a/b"])
            _ = try await cluster.pod(ofJob: "build-x", when: "buildkit", is: "running")
            _ = try await cluster.client.deleteJob(named: "build-x", propagation: .background)
            _ = try await cluster.client.patchJob(
                named: "build-x",
                .operations([
                    .test(path: "/metadata/finalizers/0", value: "a/b"), .remove(path: "/metadata/finalizers/0"),
                ]))
            #expect(cluster.standIn.job("build-x") == nil)
            try await cluster.standIn.waitUntil("the Pod is gone") { $0.podNames.isEmpty }
        }
    }

    @Test("a deletion without a policy leaves the Pod behind, running and without an owner")
    func orphan() async throws {
        try await TestCluster.run(settings(.endless) { $0.tokens["<token>"] = StandInSettings.account }) { cluster in
            try await cluster.create("build-d4")
            _ = try await cluster.pod(ofJob: "build-d4", when: "buildkit", is: "running")
            let answer = try await cluster.replay(try Recording("job-delete-default-200-warning"))
            #expect(answer.status == 200)
            try await cluster.standIn.waitUntil("the Job is gone") { $0.jobNames.isEmpty }
            let pods = try await cluster.client.pods()
            #expect(pods.items.map(\.status.phase) == ["Running"])
            #expect(pods.items.flatMap(\.metadata.ownerReferences) == [])
            #expect(pods.items.allSatisfy { !$0.metadata.isBeingDeleted })
        }
    }

    @Test("a deletion holds on to uid and version")
    func preconditions() async throws {
        try await TestCluster.run(settings(.endless)) { cluster in
            let job = try await cluster.create("build-x")
            func delete(uid: String? = nil, version: String? = nil) async -> KubernetesError.Code? {
                await kubernetesError {
                    _ = try await cluster.client.deleteJob(
                        named: "build-x", propagation: .foreground, uid: uid, resourceVersion: version)
                }?.code
            }
            #expect(await delete(uid: "another") == .conflict)
            #expect(await delete(version: "1") == .conflict)
            #expect(cluster.standIn.job("build-x")?["metadata"]?["deletionTimestamp"] == nil)
            #expect(await delete(uid: job.metadata.uid) == nil)
            #expect(
                await kubernetesError { _ = try await cluster.client.deleteJob(named: "no", propagation: .foreground) }?
                    .code == .notFound)
        }
    }

    @Test("the time to live takes the Pod and its log, also when a finalizer holds the Job")
    func timeToLive() async throws {
        let gate = Gate()
        let script = PodScript.success { _ in
            try await gate.wait()
            return "sha256:0"
        }
        try await TestCluster.run(settings(script) { $0.second = .milliseconds(5) }) { cluster in
            try await cluster.create("build-x", finalizers: ["a/b"]) { $0["spec"]?["ttlSecondsAfterFinished"] = 10 }
            let pod = try await cluster.pod(ofJob: "build-x", when: "git-clone", is: "terminated")
            gate.open()
            #expect(try await cluster.outcome(of: "build-x") == .complete)
            try await cluster.standIn.waitUntil("the Job is marked and its Pod gone") {
                $0.podNames.isEmpty && $0.job("build-x")?.finalizers == ["a/b"]
            }
            #expect(try await cluster.client.job(named: "build-x").outcome == .complete)
            #expect(try await cluster.log(pod, "buildkit") == "no such pod")
            _ = try await cluster.client.patchJob(
                named: "build-x", .operations([.remove(path: "/metadata/finalizers/0")]))
            #expect(cluster.standIn.jobNames == [])

            try await cluster.create("build-y") { $0["spec"]?["ttlSecondsAfterFinished"] = 1000 }
            #expect(try await cluster.outcome(of: "build-y") == .complete)
            cluster.standIn.expireTTL(ofJob: "build-y")
            try await cluster.standIn.waitUntil("the other Job is gone") { $0.jobNames.isEmpty && $0.podNames.isEmpty }
        }
    }
}
