import FoundationEssentials
import KubernetesClient
import Testing

@testable import Builds

/// A Job and a Pod as they were recorded at one moment, and what they say about the build.
struct RecordedMoment: Sendable, CustomTestStringConvertible {
    var job: String
    var pods: String?
    var stage: JobReading.Stage
    /// Parts of the message.
    var says: [String]
    var isInTrouble = false
    /// How long after the recording it is looked at.
    var later: TimeInterval = 0
    var commit: String?
    var testDescription: String { "\(job), \(pods ?? "no Pod")" }

    static let commit = "d77a35dd8dfe1fc1eb5a364d9497d574b63d49c8"

    static let all: [RecordedMoment] = [
        // Nothing runs yet.
        RecordedMoment(job: "job-get-created", stage: .queued, says: ["waiting for its Pod"]),
        RecordedMoment(job: "job-create-201", stage: .queued, says: ["waiting for its Pod"]),
        RecordedMoment(job: "job-get-suspended", stage: .queued, says: ["suspended"]),
        RecordedMoment(job: "job-get-init-running", pods: "pods-init-waiting", stage: .queued, says: ["to start"]),
        RecordedMoment(
            job: "job-get-pending", pods: "pods-unschedulable", stage: .queued,
            says: ["no node fits", "didn't match Pod's node affinity"], isInTrouble: true),
        RecordedMoment(
            job: "job-get-pending", pods: "pods-missing-secret-volume", stage: .queued,
            says: ["Secret", "registry-credentials", "kubectl describe pod build-p2-cf9tg"], isInTrouble: true,
            later: 60),
        RecordedMoment(
            job: "job-get-pending", pods: "pods-missing-secret-volume", stage: .queued,
            says: ["waiting for its Pod to start"],
            later: 20),
        RecordedMoment(
            job: "job-get-no-pod-quota", stage: .queued,
            says: ["quota", "Pod Security", "kubectl describe job build-no-pod"],
            isInTrouble: true, later: 60),
        RecordedMoment(job: "job-get-no-pod-quota", stage: .queued, says: ["waiting for its Pod"], later: 5),
        RecordedMoment(
            job: "job-get-no-pod-pod-security", stage: .queued, says: ["quota", "Pod Security"], isInTrouble: true,
            later: 60),
        // It runs.
        RecordedMoment(
            job: "job-get-init-running", pods: "pods-init-running", stage: .running(.cloning), says: ["cloning"]),
        RecordedMoment(
            job: "job-get-init-running", pods: "pods-init-terminated", stage: .running(.building), says: ["cloned"],
            commit: commit),
        RecordedMoment(
            job: "job-get-running", pods: "pods-main-running", stage: .running(.building), says: ["building"],
            commit: commit),
        RecordedMoment(
            job: "job-get-image-pull", pods: "pods-errimagepull", stage: .running(.building),
            says: ["image of the container buildkit", "cannot be pulled", "v9.9.9: not found"], isInTrouble: true,
            commit: commit),
        RecordedMoment(
            job: "job-get-image-pull", pods: "pods-imagepullbackoff", stage: .running(.building),
            says: ["cannot be pulled", "Back-off", "not found"], isInTrouble: true, commit: commit),
        RecordedMoment(
            job: "job-get-image-pull", pods: "pods-errimagepull-denied", stage: .running(.building),
            says: ["cannot be pulled", "pull access denied", "access to its registry"], isInTrouble: true,
            commit: commit),
        RecordedMoment(
            job: "job-get-image-pull", pods: "pods-createcontainerconfigerror", stage: .running(.building),
            says: ["cannot be configured", "secret \"nosuch\" not found"], isInTrouble: true, commit: commit),
        // It has run, and the Job does not say so yet.
        RecordedMoment(
            job: "job-get-running", pods: "pods-succeeded", stage: .running(.verifying), says: ["pushed"],
            commit: commit),
        RecordedMoment(
            job: "job-get-running", pods: "pods-failed-main", stage: .running(nil), says: ["failed; waiting"],
            commit: commit),
        RecordedMoment(
            job: "job-get-running", pods: "pods-after-deadline", stage: .running(nil), says: ["Pod is gone"]),
        // It has succeeded.
        RecordedMoment(
            job: "job-get-complete", pods: "pods-succeeded", stage: .complete, says: ["asking the registry"],
            commit: commit),
        RecordedMoment(
            job: "job-get-complete", pods: "pod-get-succeeded", stage: .complete, says: ["asking the registry"],
            commit: commit),
        RecordedMoment(job: "job-get-deleting-finalizer", pods: "pods-empty", stage: .complete, says: []),
        RecordedMoment(job: "job-get-ttl-finalizer", pods: "pods-after-ttl-finalizer", stage: .complete, says: []),
        // It has failed.
        RecordedMoment(
            job: "job-get-failed-backoff", pods: "pods-failed-main", stage: .failed,
            says: [
                "buildkit failed with exit code 1", "[3/3] RUN echo", "(Dockerfile:3)", "npm error could not resolve",
                "exit code: 7",
            ], commit: commit),
        RecordedMoment(
            job: "job-get-failed-clone", pods: "pods-failed-init", stage: .failed,
            says: [
                "git-clone failed with exit code 128: fatal: couldn't find remote ref refs/heads/nosuch",
                "(check git.ref and git.commit)",
            ]),
        RecordedMoment(
            job: "job-get-failed-backoff", pods: "pods-oomkilled", stage: .failed,
            says: ["buildkit ran out of memory", "resources.limits.memory"], commit: commit),
        RecordedMoment(
            job: "job-get-failed-backoff", pods: "pods-failed-oom-in-run", stage: .failed,
            says: ["ran out of memory", "[2/2] RUN", "exit code: 137", "resources.limits.memory"],
            commit: "d1c217e1b7b6a6132bb88c952578eda1c6a72a65"),
        RecordedMoment(
            job: "job-get-failed-evicted", pods: "pods-evicted", stage: .failed,
            says: ["Evicted", "exceeds the limit \"1Mi\"", "raise the limit"]),
        RecordedMoment(
            job: "job-get-failed-deadline", pods: "pods-after-deadline", stage: .failed,
            says: ["stopped after 6 s", "activeDeadlineSeconds"]),
        RecordedMoment(
            job: "job-get-failed-pod-deleted", pods: "pods-empty", stage: .failed,
            says: ["Pod is gone", "start the build again"]),
        // It is being stopped.
        RecordedMoment(
            job: "job-delete-foreground-200", pods: "pods-main-running", stage: .running(nil),
            says: ["being cancelled"],
            commit: commit),
        RecordedMoment(job: "job-delete-foreground-200", stage: .running(nil), says: ["being cancelled"]),
        RecordedMoment(
            job: "job-delete-background-running-finalizer-200", pods: "pods-running-after-background-delete",
            stage: .running(nil), says: ["being cancelled"], commit: commit),
        RecordedMoment(job: "job-get-foreground-held", pods: "pods-empty", stage: .cancelled, says: ["cancelled"]),
    ]
}

@Suite("What Job and Pod say about a build")
struct KubernetesMappingTests {
    /// The Job's own time, so that the tests do not depend on the day they run.
    private func reading(_ moment: RecordedMoment) throws -> JobReading {
        let job = try KubernetesFixtures.job(moment.job)
        let pod = try moment.pods.flatMap { try KubernetesFixtures.pods($0).first }
        let start = pod?.status.startTime?.date ?? job.status.startTime?.date ?? job.metadata.creationTimestamp?.date
        return JobReading(job: job, pod: pod, now: try #require(start).addingTimeInterval(moment.later))
    }

    @Test("recorded moments mean what happened", arguments: RecordedMoment.all)
    func moments(_ moment: RecordedMoment) throws {
        let reading = try reading(moment)
        #expect(reading.stage == moment.stage)
        for part in moment.says { #expect(reading.message.contains(part), "\(reading.message)") }
        #expect((reading.trouble != nil) == moment.isInTrouble, "\(reading.trouble ?? "no trouble")")
        #expect(reading.commit == moment.commit)
        #expect(!reading.message.contains("\n") && reading.message.utf8.count < 1500, "\(reading.message)")
        #expect(reading.silentFailure == (moment.pods == "pods-oomkilled" ? "buildkit" : nil))
    }

    @Test("every recorded Pod and every recorded Job is among them, or is another Job's moment")
    func allAreUsed() {
        let pods = Set(RecordedMoment.all.compactMap(\.pods))
        // The Pod without an owner belongs to no Job; see below.
        #expect(Set(KubernetesFixtures.names("pods-")).subtracting(pods) == ["pods-orphaned"])
        let jobs = Set(RecordedMoment.all.map(\.job))
        #expect(Set(KubernetesFixtures.names("job-get-")).subtracting(jobs) == ["job-get-404"])
    }

    @Test("times come from the containers, and from the Job once the Pod is gone")
    func times() throws {
        let job = try KubernetesFixtures.job("job-get-complete")
        let pod = try #require(try KubernetesFixtures.pods("pods-succeeded").first)
        let whole = JobReading(job: job, pod: pod, now: Date())
        #expect(whole.startedAt == Timestamp("2026-11-22T09:22:36Z")?.date)
        #expect(whole.finishedAt == Timestamp("2026-11-22T09:23:08Z")?.date)
        let late = JobReading(job: job, pod: nil, now: Date())
        #expect(late.startedAt == Timestamp("2026-11-22T09:22:35Z")?.date)
        let failed = JobReading(job: try KubernetesFixtures.job("job-get-failed-deadline"), pod: nil, now: Date())
        #expect(failed.finishedAt == Timestamp("2026-11-22T09:25:34Z")?.date)
        let queued = try #require(try KubernetesFixtures.pods("pods-unschedulable").first)
        #expect(
            JobReading(job: try KubernetesFixtures.job("job-get-pending"), pod: queued, now: Date()).startedAt == nil)
    }

    @Test("every moment of a recorded watch moves forward")
    func watched() throws {
        var stages: [JobReading.Stage] = []
        for name in ["job-get-created", "job-get-init-running", "job-get-running", "job-get-complete"] {
            let pods = [
                "job-get-init-running": "pods-init-running", "job-get-running": "pods-main-running",
                "job-get-complete": "pods-succeeded",
            ]
            let pod = try pods[name].flatMap { try KubernetesFixtures.pods($0).first }
            stages.append(JobReading(job: try KubernetesFixtures.job(name), pod: pod, now: Date()).stage)
        }
        #expect(stages == [.queued, .running(.cloning), .running(.building), .complete])
    }

    @Test("only a Pod that the Job owns counts, and the newest of those")
    func owners() throws {
        let job = try KubernetesFixtures.job("job-get-complete")
        let own = try KubernetesFixtures.pods("pods-succeeded")
        let strangers = try KubernetesFixtures.pods("pods-orphaned") + KubernetesFixtures.pods("pods-failed-main")
        #expect(job.pod(among: strangers) == nil)
        #expect(job.pod(among: strangers + own) == own.first)
        var newer = try KubernetesFixtures.body("pods-succeeded")["items"]?.array?.first ?? .null
        newer["metadata"]?["name"] = "newer"
        newer["metadata"]?["creationTimestamp"] = "2026-11-22T09:22:59Z"
        let late: Pod = try KubernetesFixtures.decode(newer)
        #expect(job.pod(among: own + [late])?.metadata.name == "newer")
        #expect(job.pod(among: [late] + own)?.metadata.name == "newer")
    }

    // MARK: Failures

    struct Output: Sendable, CustomTestStringConvertible {
        var log: String
        var container: String
        var says: [String]
        var testDescription: String { log }
    }

    /// Complete logs of builds, as they would be in the termination message or in the log's tail.
    static let outputs: [Output] = [
        Output(
            log: "#6 ERROR: x\n------\n > exporting to image:\n------\nerror: failed to solve: failed to push "
                + "registry.example:5115/webapp/app-example:v1.2.3: unexpected status from HEAD request to "
                + "http://registry.example:5115/v2/webapp/app-example/blobs/sha256:99: 401 Unauthorized\n",
            container: "buildkit",
            says: ["exporting to image", "401 Unauthorized", "Secret registry-credentials", "Reflector"]),
        Output(
            log: "error: failed to solve: failed to mount /tmp/buildkit-mount1: operation not permitted\n",
            container: "buildkit", says: ["operation not permitted", "privileged: true"]),
        Output(
            log: "error: failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory\n",
            container: "buildkit", says: ["open Dockerfile", "check git.subdirectory"]),
        Output(
            log:
                "error: failed to solve: failed to push r: failed to do request: Head \"https://r/v2/\": dial tcp 192.0.2.10:5999: "
                + "connect: connection refused", container: "buildkit", says: ["connection refused", "registry is up"]),
        Output(
            log: "error: failed to solve: x: http: server gave HTTP response to HTTPS client", container: "buildkit",
            says: ["ConfigMap buildkitd"]),
        // What a step prints, and what its command is, leads to no advice about the registry.
        Output(
            log:
                "#7 0.052 error: failed to solve: 401 Unauthorized\n------\n > [2/2] RUN curl x:\n0.1 401 Unauthorized\n------\n"
                + "error: failed to solve: process \"/bin/sh -c curl # 401 Unauthorized\" did not complete successfully: "
                + "exit code: 22\n", container: "buildkit",
            says: ["[2/2] RUN curl x: 401 Unauthorized | failed to solve", "exit code: 22"]
        ),
        Output(
            log: "error: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 137",
            container: "buildkit", says: ["most likely for memory"]),
        Output(
            log: "one\n\u{1B}[31mtwo\u{1B}[0m\nthree\nfour\n", container: "buildkit",
            says: ["exit code 1: two | three | four"]),
        Output(
            log:
                "cloning https://git.example/a.git at main\nfatal: could not read Username for 'https://git.example': terminal "
                + "prompts disabled\n", container: "git-clone", says: ["could not read Username", "needs a login"]),
        Output(
            log: "cloning x at y\nfetched commit abc\nfatal: Not a valid object name FETCH_HEAD:apps/none\n",
            container: "git-clone", says: ["1: fatal: Not a valid object name", "check git.subdirectory"]),
        Output(
            log: "fatal: transport 'file' not allowed", container: "git-clone", says: ["GIT_ALLOW_PROTOCOL"]),
        Output(
            log: "fatal: unable to access 'https://u:s3cret@git.example/': Failed to connect to git.example port 443",
            container: "git-clone",
            says: ["unable to access 'https://***@git.example/'", "whether the cluster reaches it"]),
        Output(log: "", container: "git-clone", says: ["git-clone failed with exit code 1 (check git.url"]),
    ]

    @Test("a failed container's last words lead to what can be done", arguments: outputs)
    func advice(_ output: Output) throws {
        let isClone = output.container == "git-clone"
        let job = try KubernetesFixtures.job("job-get-failed-backoff")
        var pod =
            try KubernetesFixtures.body(isClone ? "pods-failed-init" : "pods-failed-main")["items"]?.array?.first
            ?? .null
        let list = isClone ? "initContainerStatuses" : "containerStatuses"
        var container = try #require(pod["status"]?[list]?.array?.first)
        container["state"]?["terminated"]?["exitCode"] = 1
        container["state"]?["terminated"]?["message"] = .string(output.log)
        pod["status"]?[list] = [container]
        let failure = JobFailure(
            job: job, pod: try KubernetesFixtures.decode(pod), reason: "BackoffLimitExceeded", said: nil)
        for part in output.says { #expect(failure.message.contains(part), "\(failure.message)") }
        #expect(!failure.message.contains("s3cret"))
        #expect(!failure.message.contains("\u{1B}") && !failure.message.contains("\n"))
        let isStep = output.log.contains("failed to solve: process")
        if isStep { #expect(!failure.message.contains("registry-credentials"), "\(failure.message)") }
    }

    @Test("the deadline's message says what the Pod had been waiting for")
    func deadlineAfterTrouble() throws {
        var document = try KubernetesFixtures.body("job-get-failed-deadline")
        document["metadata"]?["annotations"]?[JobKeys.Annotation.trouble] = "no node fits: 0/1 nodes are available"
        let reading = JobReading(job: try KubernetesFixtures.decode(document), pod: nil, now: Date())
        #expect(reading.message.contains("it had been waiting: no node fits"))
    }

    @Test("output is bounded, whatever a build prints")
    func bounded() {
        let long = String(repeating: "x", count: 100_000)
        for text in [
            long, "------\n > \(long):\n\(long)\n------\nerror: \(long)", "error: \(long)\n", "\(long)\n\(long)",
        ] {
            #expect(BuildOutput(text).buildLines.utf8.count < 1500)
            #expect(BuildOutput(text).cloneLines.utf8.count < 1500)
        }
    }
}
