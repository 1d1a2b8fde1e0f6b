internal import FoundationEssentials
internal import HTTPTransport
internal import KubernetesClient

/// How far a build is, read from its Job and the Job's Pod at one moment: a pure function of both.
///
/// Whether a build has ended is told by the Job's conditions alone, for until then something of it may still push.
/// What it does, and why it failed, is told by the Pod alone: a failed clone, a failed build, an eviction and a
/// deleted Pod are the same to the Job.
struct JobReading: Equatable {
    enum Stage: Equatable {
        /// Nothing of it runs yet.
        case queued
        /// Something of it runs, or may run. No phase where it is only coming to its end.
        case running(Build.Phase?)
        /// All of it has succeeded; whether the tag is served is for the registry to say.
        case complete
        /// It has failed. It may have pushed all the same.
        case failed
        /// It was stopped, and nothing of it runs any more; only a finalizer still holds its name.
        case cancelled
    }

    var stage: Stage
    /// One sentence that a person can act on.
    var message: String
    /// What keeps it from getting on, if something does.
    var trouble: String?
    /// Whether it ought to have started by now and neither Job nor Pod tells why not: only the cluster's Events may.
    var isUnexplained = false
    /// How far BuildKit is.
    var progress: BuildKitProgress?
    /// The commit that was cloned.
    var commit: String?
    var startedAt: Date?
    /// When it came to each phase, as far as its Pod tells.
    var phaseStarts: [Build.Phase: Date]
    /// When the Job ended, by its own account.
    var finishedAt: Date?
    /// The container that failed without leaving a word, so that its log has to be asked.
    var silentFailure: String?

    /// Reads a Job.
    /// - Parameters:
    ///   - pod: The Job's Pod, if it has one.
    ///   - progress: What the log of the build tells.
    ///   - pushingSince: When the push was first seen.
    ///   - explanation: What the cluster's Events tell, if they were asked.
    ///   - now: Tells how long something has been waiting.
    init(
        job: Job, pod: Pod?, progress: BuildKitProgress? = nil, pushingSince: Date? = nil, explanation: String? = nil,
        now: Date
    ) {
        self.progress = progress
        phaseStarts = Self.phaseStarts(job, pod, pushingSince: pushingSince)
        commit = pod?.container(named: JobKeys.Container.clone)?.state?.terminated
            .flatMap { $0.exitCode == 0 ? $0.message : nil }
            .flatMap { try? GitSource.validatedCommit($0) }
        startedAt = pod?.firstStart?.date ?? (pod == nil ? job.status.startTime?.date : nil)
        finishedAt = job.finishedAt?.date

        switch job.outcome {
        case .complete:
            (stage, message) = (.complete, "the Job has completed; asking the registry for the image")
        case .failed(let reason, let said):
            let failure = JobFailure(job: job, pod: pod, reason: reason, said: said, progress: progress)
            (stage, message, silentFailure) = (.failed, failure.message, failure.silentContainer)
        case nil where job.metadata.isBeingDeleted:
            let mayRun = job.metadata.finalizers.contains(JobKeys.foregroundFinalizer) || pod?.hasEnded == false
            (stage, message) =
                mayRun
                ? (.running(nil), "is being cancelled; its version is free once its Pod has ended")
                : (.cancelled, "cancelled; its version is free once the last finalizer lets go of the Job")
        case nil where job.spec.suspend == true:
            let notes = job.metadata.annotations
            let isStarting =
                notes[JobKeys.Annotation.reservation] != nil && notes[JobKeys.Annotation.resumedAt] == nil
            (stage, message) = (
                .queued,
                isStarting
                    ? "its version is reserved; it is about to start"
                    : "the Job is suspended; kubectl patch job \(job.metadata.name) -p '{\"spec\":{\"suspend\":false}}' resumes it"
            )
        case nil:
            (stage, message, trouble) = Self.unfinished(job, pod, now: now)
            if stage == .queued, trouble == nil || Self.isGuess(pod) {
                let since = pod == nil ? job.status.startTime : pod?.status.startTime
                isUnexplained = since.map { now.timeIntervalSince($0.date) > Self.patience } ?? false
                if let explanation { (message, trouble) = (explanation, explanation) }
            }
            if stage == .running(.building), progress?.isPushing == true { stage = .running(.pushing) }
        }
    }

    /// After how many seconds without a start Events are worth a question.
    private static let patience = 3.0

    /// Whether what keeps a Pod from starting cannot be seen in the Pod.
    private static func isGuess(_ pod: Pod?) -> Bool {
        guard let pod else { return true }
        let containers = pod.status.initContainerStatuses + pod.status.containerStatuses
        return pod.status.startTime != nil
            && containers.allSatisfy { container in
                container.state?.waiting?.reason == "PodInitializing"
                    || container.state?.waiting?.reason == "ContainerCreating"
            }
    }

    // MARK: While it lasts

    private static func unfinished(_ job: Job, _ pod: Pod?, now: Date) -> (Stage, String, String?) {
        guard let pod else { return withoutPod(job, now: now) }
        if pod.status.phase == "Succeeded" {
            return (.running(.verifying), "the image was pushed; waiting for the Job to complete", nil)
        }
        if pod.hasEnded || pod.failedContainer != nil {
            return (.running(nil), "it has failed; waiting for the Job to say so", nil)
        }
        let trouble = JobTrouble(pod, now: now)?.description
        if pod.status.containerStatuses.contains(where: { $0.state?.running != nil }) {
            return (.running(.building), "building and pushing", trouble)
        }
        if pod.status.initContainerStatuses.contains(where: { $0.state?.running != nil }) {
            return (.running(.cloning), "cloning", trouble)
        }
        let hasCloned =
            !pod.status.initContainerStatuses.isEmpty
            && pod.status.initContainerStatuses.allSatisfy { $0.state?.terminated != nil }
        let stage = hasCloned ? Stage.running(.building) : .queued
        return (stage, trouble ?? (hasCloned ? "cloned; starting to build" : "waiting for its Pod to start"), trouble)
    }

    private static func withoutPod(_ job: Job, now: Date) -> (Stage, String, String?) {
        let hasHadPod =
            job.status.active + job.status.terminating + job.status.failed + job.status.succeeded > 0
            || job.status.conditions.contains { $0.isTrue && $0.type == "FailureTarget" }
        if hasHadPod { return (.running(nil), "its Pod is gone; waiting for the Job to say what became of it", nil) }
        let age = job.status.startTime.map { now.timeIntervalSince($0.date) } ?? 0
        guard age > 10 else { return (.queued, "waiting for its Pod", nil) }
        // Quota and Pod Security refuse the Pod, which only an Event tells; reading Events is not among the rights
        // needed.
        let trouble =
            "no Pod could be made for \(Int(age)) s: a quota or the namespace's Pod Security level refuses it, and "
            + "kubectl describe job \(job.metadata.name) says which"
        return (.queued, trouble, "no Pod could be made: a quota or the namespace's Pod Security level refused it")
    }
}

extension Pod {
    /// Whether no container of it runs, or will ever run.
    var hasEnded: Bool { status.phase == "Succeeded" || status.phase == "Failed" }

    /// Whether any container of it has started.
    var hasBegun: Bool {
        (status.initContainerStatuses + status.containerStatuses).contains { container in
            container.state?.running != nil || container.state?.terminated != nil
        }
    }

    /// When the first of its containers started.
    fileprivate var firstStart: Timestamp? {
        (status.initContainerStatuses + status.containerStatuses).lazy
            .compactMap { $0.state?.running?.startedAt ?? $0.state?.terminated?.startedAt }.first
    }

    /// The first container that ended with anything but success.
    var failedContainer: (status: ContainerStatus, end: ContainerState.Terminated)? {
        for container in status.initContainerStatuses + status.containerStatuses {
            if let end = container.state?.terminated, end.exitCode != 0 {
                return (container, end)
            }
        }
        return nil
    }
}
