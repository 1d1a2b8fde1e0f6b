internal import FoundationEssentials
internal import KubernetesClient
internal import OCIDistribution
internal import SemanticVersions

/// A Job that holds a version of ours: what it promises, whoever made it, and what was recorded on it.
struct JobBuild {
    let job: Job
    /// The build as it was promised: queued, whatever has become of it since.
    let promised: Build
    /// The build as it ended, if that was recorded: complete, whatever has become of the Pod.
    let recorded: Build?

    private init(job: Job, promised: Build) {
        self.job = job
        self.promised = promised
        self.recorded = Self.recorded(on: job, promised)
    }

    /// What a Job in the namespace is to this service.
    enum Kind {
        case build(JobBuild)
        /// No build, or none of our versions.
        case other
        /// A build that may still push, and nobody can say what.
        case unreadable
    }

    /// Tells what a Job is.
    ///
    /// A build that nobody can read and that has ended counts for nothing: what it has pushed is among the registry's
    /// tags, which are listed after the Jobs.
    static func kind(of job: Job, naming: ImageNaming) -> Kind {
        let labels = job.metadata.labels
        guard labels[JobKeys.Label.name] == JobKeys.name, labels[JobKeys.Label.component] == JobKeys.component else {
            return .other
        }
        switch JobTarget(job, naming: naming) {
        case .version(let version, let webapp, let image):
            return .build(JobBuild(job: job, promised: promise(job, version: version, webapp: webapp, image: image)))
        case .elsewhere: return .other
        case .unknown: return job.outcome == nil ? .unreadable : .other
        }
    }

    var id: BuildID { promised.id }
    var uid: String? { job.metadata.uid }
    var webapp: WebappName { promised.webapp }

    /// Whether a process of this service has made the Job and not let it run yet.
    var isHeldBack: Bool { promised.isHeldBack }

    /// Whether its Job stays until its caller was told.
    var isHeldByCallback: Bool { job.metadata.finalizers.contains(JobKeys.callbackFinalizer) }

    /// Whether the Job was never let run: whoever made it may have taken it back, so that its build was promised to nobody.
    var wasNeverResumed: Bool { Self.wasNeverResumed(job) }

    private static func wasNeverResumed(_ job: Job) -> Bool {
        job.spec.suspend == true && job.outcome == nil
            && job.metadata.annotations[JobKeys.Annotation.reservation] != nil
            && job.metadata.annotations[JobKeys.Annotation.resumedAt] == nil
    }

    private static func isHeldBack(_ job: Job) -> Bool { wasNeverResumed(job) && !job.metadata.isBeingDeleted }

    // MARK: What it is now

    /// The build as the cluster has it.
    ///
    /// A complete Job is still being verified: only the registry can say more.
    func build(_ reading: JobReading) -> Build {
        var build = promised
        build.message = reading.message
        let notes = job.metadata.annotations
        build.git.commit = reading.commit ?? notes[JobKeys.Annotation.commit] ?? build.git.commit
        build.startedAt = reading.startedAt ?? notes[JobKeys.Annotation.startedAt].flatMap(Timestamp.init)?.date
        // What was recorded is of a Pod that may be gone.
        build.phaseStarts = Self.phases(on: job).merging(reading.phaseStarts) { $1 }
        switch reading.stage {
        case .queued:
            build.status = .queued
        case .running(let phase):
            build.status = .running
            build.phase = phase
            if phase == .building || phase == .pushing { build.progress = reading.progress?.progress }
            if phase == .cloning { build.message = "cloning \(build.git.url) at \(build.git.commit ?? build.git.ref)" }
            if phase == .building || phase == .pushing, reading.trouble == nil {
                build.message = (reading.progress ?? BuildKitProgress()).sentence(building: build.image.description)
            }
        case .complete:
            build.status = .running
            build.phase = .verifying
        case .failed:
            build.status = .failed
            build.finishedAt = reading.finishedAt
        case .cancelled:
            build.status = .cancelled
            build.finishedAt = job.metadata.deletionTimestamp?.date
        }
        return build
    }

    // MARK: What was promised

    private static func promise(_ job: Job, version: VersionTag, webapp: WebappName, image: ImageReference) -> Build {
        let notes = job.metadata.annotations
        let created = notes[JobKeys.Annotation.createdAt].flatMap(Timestamp.init) ?? job.metadata.creationTimestamp
        var build = Build(
            id: id(of: job, version: version, webapp: webapp, image: image), webapp: webapp, version: version,
            image: image,
            status: .queued, message: "waiting for its Pod", git: source(of: job),
            platforms: (notes[JobKeys.Annotation.platforms] ?? "").split(separator: ",").compactMap {
                try? Platform(String($0))
            },
            createdAt: created?.date ?? Date(timeIntervalSince1970: 0),
            idempotencyKey: notes[JobKeys.Annotation.idempotencyKey],
            requestFingerprint: notes[JobKeys.Annotation.requestFingerprint],
            requestedBy: notes[JobKeys.Annotation.requestedBy], callbackURL: notes[JobKeys.Annotation.callbackURL])
        build.isHeldBack = isHeldBack(job)
        if build.callback != nil, let note = notes[JobKeys.Annotation.callback].flatMap(Callback.init(annotation:)) {
            build.callback = note
        }
        return build
    }

    /// The Job's name.
    ///
    /// Others may give names with dots, which no build's id has: those go by the id that their version has.
    private static func id(of job: Job, version: VersionTag, webapp: WebappName, image: ImageReference) -> BuildID {
        (try? BuildID(job.metadata.name))
            ?? BuildID(webapp: webapp, repository: image.repository, version: version.version)
    }

    private static func source(of job: Job) -> GitSource {
        let notes = job.metadata.annotations
        let clone = job.spec.template?.spec?.initContainers.first { $0.name == JobKeys.Container.clone }
        let told = clone?.value(of: JobKeys.Variable.gitRef)
        return GitSource(
            url: (notes[JobKeys.Annotation.gitURL] ?? clone?.value(of: JobKeys.Variable.gitURL) ?? "").withoutUserInfo,
            ref: notes[JobKeys.Annotation.gitRef] ?? told ?? "HEAD",
            commit: notes[JobKeys.Annotation.gitCommit] ?? told.flatMap { try? GitSource.validatedCommit($0) },
            subdirectory: notes[JobKeys.Annotation.gitSubdirectory] ?? clone?.value(
                of: JobKeys.Variable.gitSubdirectory) ?? "")
    }
}
