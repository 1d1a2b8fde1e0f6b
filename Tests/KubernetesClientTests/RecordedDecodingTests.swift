import FoundationEssentials
import HTTPTransport
import Testing

@testable import KubernetesClient

@Suite("Every recording can be read")
struct RecordedDecodingTests {
    /// What kind of document each recording's answer is; together they are all recordings.
    static let jobs = Recording.names.filter { name in
        name.hasPrefix("job-") && !name.hasPrefix("job-list") && succeeds(name) && !isDeletionStatus(name)
    }
    static let jobLists = Recording.names("job-list").filter(succeeds)
    static let podLists = Recording.names("pods-")
    static let leases = Recording.names("lease-").filter(succeeds)
    static let statuses =
        Recording.names.filter { !succeeds($0) && !$0.hasPrefix("watch-") }
        + Recording.names("job-delete").filter { succeeds($0) && isDeletionStatus($0) }
    static let watches = Recording.names("watch-").filter { $0 != "watch-500-bad-rv" }
    static let logs = Recording.names("log-").filter { !$0.hasPrefix("log-4") }
    static let events = Recording.names("events-")
    /// Kinds that the service does not read.
    static let others = Recording.names("selfsubject", "subjectaccess", "tokenreview-").filter(succeeds)

    private static func succeeds(_ name: String) -> Bool {
        (try? Recording(name)).map { (200..<300).contains($0.status) } ?? false
    }

    private static func isDeletionStatus(_ name: String) -> Bool {
        (try? Recording(name))?.document?["kind"] == "Status"
    }

    @Test("none is left out")
    func complete() {
        let known =
            Self.jobs + Self.jobLists + Self.podLists + Self.leases + Self.statuses + Self.watches + Self.logs
            + Self.events + Self.others
            + ["pod-get-succeeded", "readyz", "version", "watch-500-bad-rv"]
        let isComplete = known.sorted() == Recording.names
        #expect(isComplete)
        #expect(Recording.names.count == 141)
    }

    @Test("a Job keeps name, labels, annotations and status", arguments: jobs)
    func job(_ name: String) throws {
        let recording = try Recording(name)
        let job = try JSONDecoder().decode(Job.self, from: Data(recording.body))
        let metadata = recording.document?["metadata"]
        #expect(job.metadata.name == metadata?["name"]?.string)
        #expect(job.metadata.uid == metadata?["uid"]?.string)
        #expect(job.metadata.resourceVersion == metadata?["resourceVersion"]?.string)
        #expect(job.metadata.labels.count == metadata?["labels"]?.object?.count)
        #expect(job.metadata.annotations["registry-query/image"]?.hasPrefix("registry.example") == true)
        #expect(job.metadata.finalizers == metadata?["finalizers"]?.array?.compactMap(\.string) ?? [])
        #expect(job.metadata.creationTimestamp != nil)
        #expect(job.metadata.isBeingDeleted == (metadata?["deletionTimestamp"] != nil))
        #expect(job.status.active == recording.document?["status"]?["active"]?.int ?? 0)
        #expect(job.status.conditions.count == recording.document?["status"]?["conditions"]?.array?.count ?? 0)
        let main = try #require(job.spec.template?.spec?.containers.first)
        #expect(main.environment.contains { $0.name == "IMAGE_TAG" && $0.value?.hasPrefix("registry.example") == true })
    }

    @Test("a Job's outcome comes from its final condition only")
    func outcomes() throws {
        func job(_ name: String) throws -> Job {
            try JSONDecoder().decode(Job.self, from: Data(try Recording(name).body))
        }
        #expect(try job("job-get-complete").outcome == .complete)
        #expect(try job("job-get-complete").finishedAt == Timestamp("2026-11-22T09:23:08Z"))
        for name in [
            "job-get-failed-backoff", "job-get-failed-clone", "job-get-failed-evicted", "job-get-failed-pod-deleted",
        ] {
            let expected = Job.Outcome.failed(
                reason: "BackoffLimitExceeded", message: "Job has reached the specified backoff limit")
            #expect(try job(name).outcome == expected)
            #expect(try job(name).finishedAt != nil)
        }
        guard case .failed("DeadlineExceeded", _) = try job("job-get-failed-deadline").outcome else {
            Issue.record("the deadline is no failure of its own")
            return
        }
        for name in [
            "job-get-created", "job-get-pending", "job-get-image-pull", "job-get-init-running", "job-get-running",
            "job-get-suspended", "job-get-no-pod-quota", "job-get-no-pod-pod-security", "job-get-foreground-held",
        ] {
            #expect(try job(name).outcome == nil, "\(name)")
        }
        // The first of the pair of conditions is not the end.
        let events = try lines("watch-jobs-build").map { try JSONValue(json: $0) }
        let announced = try #require(
            events.first { $0["object"]?["status"]?["conditions"]?.array?.count == 1 }?["object"])
        #expect(try JSONDecoder().decode(Job.self, from: Data(announced.json())).outcome == nil)
    }

    @Test("a page of Jobs keeps all Jobs", arguments: jobLists)
    func jobList(_ name: String) async throws {
        let recording = try Recording(name)
        let count = recording.document?["items"]?.array?.count
        // Read as a whole listing of one page.
        var document = try #require(recording.document)
        document["metadata"]?["continue"] = nil
        let list = try await client(PieceTransport(body: document.json())).jobs()
        #expect(list.items.count == count)
        #expect(list.resourceVersion == document["metadata"]?["resourceVersion"]?.string)
    }

    @Test("a list of Pods keeps phases and containers", arguments: podLists)
    func pods(_ name: String) async throws {
        let recording = try Recording(name)
        let items = try #require(recording.document?["items"]?.array)
        let list = try await client(recording.transport()).pods()
        #expect(list.items.count == items.count)
        for (pod, document) in zip(list.items, items) {
            #expect(pod.status.phase == document["status"]?["phase"]?.string)
            #expect(pod.status.reason == document["status"]?["reason"]?.string)
            #expect(pod.status.conditions.count == document["status"]?["conditions"]?.array?.count)
            #expect(pod.status.containerStatuses.count == document["status"]?["containerStatuses"]?.array?.count ?? 0)
            #expect(pod.spec.initContainers.map(\.name) == ["git-clone"] || name == "pods-oomkilled")
        }
    }

    @Test("a Pod's containers tell their states")
    func containerStates() throws {
        func pod(_ name: String) throws -> Pod {
            let item = try #require(try Recording(name).document?["items"]?.array?.first)
            return try JSONDecoder().decode(Pod.self, from: Data(item.json()))
        }
        let succeeded = try JSONDecoder().decode(Pod.self, from: Data(try Recording("pod-get-succeeded").body))
        #expect(
            succeeded.container(named: "git-clone")?.state?.terminated?.message
                == "d77a35dd8dfe1fc1eb5a364d9497d574b63d49c8")
        let end = try #require(succeeded.container(named: "buildkit")?.state?.terminated)
        #expect(end.exitCode == 0)
        #expect(end.message?.contains("containerimage.digest") == true)
        #expect(try pod("pods-init-running").container(named: "git-clone")?.state?.running?.startedAt != nil)
        #expect(
            try pod("pods-imagepullbackoff").container(named: "buildkit")?.state?.waiting?.reason == "ImagePullBackOff")
        #expect(try pod("pods-oomkilled").status.containerStatuses.first?.state?.terminated?.reason == "OOMKilled")
        #expect(try pod("pods-evicted").status.reason == "Evicted")
        let unschedulable = try pod("pods-unschedulable")
        #expect(unschedulable.status.containerStatuses.isEmpty)
        #expect(unschedulable.status.conditions.first { !$0.isTrue }?.message?.hasPrefix("0/1 nodes") == true)
        #expect(unschedulable.metadata.ownerReferences.first?.name == "build-p4")
        #expect(try pod("pods-orphaned").metadata.ownerReferences.isEmpty)
    }

    @Test("a Lease keeps microseconds", arguments: leases)
    func lease(_ name: String) throws {
        let recording = try Recording(name)
        let lease = try JSONDecoder().decode(Lease.self, from: Data(recording.body))
        #expect(lease.metadata.name == "registry-query")
        #expect(lease.spec.renewTime?.description == recording.document?["spec"]?["renewTime"]?.string)
        // Written and read again it is the same.
        let written = try JSONDecoder().decode(Lease.self, from: try JSONEncoder().encode(lease))
        #expect(written == lease)
    }

    @Test("a Status keeps reason, message and details", arguments: statuses)
    func status(_ name: String) throws {
        let recording = try Recording(name)
        let status = try JSONDecoder().decode(Status.self, from: Data(recording.body))
        #expect(status.reason == recording.document?["reason"]?.string)
        #expect(status.message == recording.document?["message"]?.string)
        #expect(status.details?.name == recording.document?["details"]?["name"]?.string)
        #expect(status.details?.causes?.count == recording.document?["details"]?["causes"]?.array?.count)
    }

    @Test("a watch has an event per line", arguments: watches)
    func watch(_ name: String) async throws {
        let recording = try Recording(name)
        let isOfPods = recording.target.contains("/pods")
        var count = 0
        do {
            if isOfPods {
                for try await _ in try await client(recording.transport()).watchPods(WatchOptions(from: "1")) {
                    count += 1
                }
            } else {
                for try await _ in try await client(recording.transport()).watchJobs(WatchOptions(from: "1")) {
                    count += 1
                }
            }
            #expect(name != "watch-410-from-rv-1")
        } catch let error as KubernetesError {
            #expect(error.code == .expired)
            #expect(name == "watch-410-from-rv-1")
            count += 1
        }
        #expect(count == (try lines(name)).count)
    }

    @Test("a log is handed on byte for byte", arguments: logs, [1, 7, 100_000])
    func log(_ name: String, _ pieces: Int) async throws {
        let recording = try Recording(name)
        var options = LogOptions(container: "buildkit")
        options.follow = name.contains("follow")
        let log = try await client(recording.transport(pieces: pieces)).log(ofPod: "pod", options)
        guard case .bytes(let bytes) = log else {
            Issue.record("no log")
            return
        }
        var read: [UInt8] = []
        for try await piece in bytes { read += piece }
        #expect(read == recording.body)
    }

    @Test("documents survive reading and writing", arguments: Recording.names)
    func roundTrip(_ name: String) throws {
        let document = try JSONValue(json: try Recording.file("\(name).json"))
        #expect(try JSONValue(json: document.json()) == document)
    }
}

/// The lines of a recorded watch.
func lines(_ name: String) throws -> [[UInt8]] {
    try Recording.file("\(name).jsonl").split(separator: 0x0A).map(Array.init)
}
