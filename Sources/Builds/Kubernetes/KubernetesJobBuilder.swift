public import FoundationEssentials
public import KubernetesClient
public import Logging
internal import OCIDistribution

/// Carries builds out as Kubernetes Jobs.
///
/// The Job is the build, and its name the reservation: of several creates of one name the API server lets exactly one
/// through. All that is known of a build is on its Job, so any number of processes may use the same namespace, and
/// each of them may be killed.
///
/// Jobs that others made from the template, or from another one with its labels, are builds as well. A build is
/// looked for in all Jobs with those labels, not only in those labelled with its webapp, because what counts is where
/// a Job pushes to.
public struct KubernetesJobBuilder: Builder {
    /// How long one question to the registry may take, so that an answer about a build never waits for it for long.
    static let longestQuestion: Duration = .seconds(5)
    /// How long finding out and recording how a build ended may take; whoever looks next goes on.
    static let longestSettling: Duration = .seconds(7)
    /// For how long after a Job's completion a registry that does not serve the tag is asked again.
    static let longestVerification: Duration = .seconds(30)
    /// How long ``cancel(_:)`` waits for the last container of a build to end.
    static let cancellationWait: Duration = .seconds(8)

    let client: KubernetesClient
    let template: JobTemplate
    let options: JobOptions
    let naming: ImageNaming
    let registry: any TagRegistry
    let movingTags: MovingTags
    let longestTagWrite: Duration
    let callbacks: CallbackSender?
    let clock: any Clock<Duration>
    let now: @Sendable () -> Date
    let logger: Logger
    /// How long a Job may stay suspended before the leader finishes what its maker began; longer than any create takes.
    var longestSuspension: Duration = .seconds(60)
    /// For how long a callback that was begun goes on when this process is to end.
    var longestCallbackEnding = CallbackDelivery.longestEnding
    /// Who this process is, unlike any other.
    let identity: String
    let board: BuildBoard
    let explainer: EventExplainer
    let settlements = Settlements()
    /// Everything that may be a build.
    let jobSelector: LabelSelector
    /// The Pods of Jobs; a template of the operator's own may label them otherwise.
    let podSelector: LabelSelector

    /// Puts the builder together; connects to nothing yet.
    /// - Parameters:
    ///   - client: Its namespace is where builds run, whatever the template says.
    ///   - options: What the operator changes of the template.
    ///   - naming: Tells which images are builds of ours.
    ///   - registry: Has the last word on what was pushed.
    ///   - movingTags: The leader moves them after each success.
    ///   - longestTagWrite: How long moving one of them may take.
    ///   - callbacks: The leader sends them. Without it the leader gives all of them up; who never leads needs none.
    ///   - clock: Measures waits and deadlines.
    ///   - now: The time of day, to compare with the cluster's.
    public init(
        client: KubernetesClient, template: JobTemplate, options: JobOptions = JobOptions(), naming: ImageNaming,
        registry: any TagRegistry, movingTags: MovingTags, longestTagWrite: Duration = .seconds(8),
        callbacks: CallbackSender? = nil, clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Date = { Date() }, logger: Logger
    ) throws {
        self.client = client
        self.template = template
        self.options = options
        self.naming = naming
        self.registry = registry
        self.movingTags = movingTags
        self.longestTagWrite = longestTagWrite
        self.callbacks = callbacks
        self.clock = clock
        self.now = now
        self.logger = logger
        self.identity = "\(ProcessInfo.processInfo.hostName)_\(UUID().uuidString)"
        self.board = BuildBoard(naming: naming)
        self.explainer = EventExplainer(client: client, clock: clock)
        self.jobSelector = try LabelSelector([
            JobKeys.Label.name: JobKeys.name, JobKeys.Label.component: JobKeys.component,
        ])
        self.podSelector = try LabelSelector([:], having: [JobKeys.Label.jobName])
    }

    // MARK: Reading

    /// See ``Builder/builds(of:)``.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/builderUnavailable`` while a Job runs that may push any
    ///   version, and
    ///   `KubernetesError`.
    public func builds(of webapp: WebappName?) async throws -> [Build] {
        try await settled(listedEntries(of: webapp))
    }

    /// All builds and their Pods as of one moment; the Pods only where they are needed.
    func listedEntries(of webapp: WebappName? = nil) async throws -> [BuildBoard.Entry] {
        let found = try await allBuilds().filter { webapp == nil || $0.webapp == webapp }
        guard found.contains(where: { $0.recorded == nil }) else { return found.map { entry($0, pod: nil) } }
        let pods = try await client.pods(matching: podSelector).items
        let byJob = Dictionary(grouping: pods) { $0.metadata.labels[JobKeys.Label.jobName] ?? "" }
        return found.map { entry($0, pod: $0.job.pod(among: byJob[$0.job.metadata.name] ?? [])) }
    }

    /// See ``Builder/build(_:)``.
    public func build(_ id: BuildID) async throws -> Build? {
        guard let found = try await find(id) else { return nil }
        return try await observed(found)
    }

    /// All Jobs that hold a version of ours, as of one moment.
    func allBuilds() async throws -> [JobBuild] {
        try await client.jobs(matching: jobSelector).items.compactMap { job in
            switch JobBuild.kind(of: job, naming: naming) {
            case .build(let build): return build
            case .other: return nil
            case .unreadable:
                throw BuildsError(
                    .builderUnavailable,
                    "the Job \(job.metadata.name) in namespace \(client.namespace) has the labels of a build, and nothing in it says "
                        + "which image it pushes, so no version is safe to give while it runs; annotate it with "
                        + "\(JobKeys.Annotation.image), or delete it")
            }
        }
    }

    /// The Job of a build.
    func find(_ id: BuildID) async throws -> JobBuild? {
        do {
            let job = try await client.job(named: id.description)
            guard case .build(let build) = JobBuild.kind(of: job, naming: naming) else { return nil }
            return build
        } catch let error as KubernetesError where error.code == .notFound {
            // A Job whose name no id can have goes by another; see ``JobBuild``.
            return try await allBuilds().first { $0.id == id }
        }
    }

    /// The Pod of a build.
    func pod(of found: JobBuild) async throws -> Pod? {
        let name = found.job.metadata.name
        return found.job.pod(among: try await client.pods(matching: LabelSelector([JobKeys.Label.jobName: name])).items)
    }

    // MARK: Readiness

    /// See ``Builder/checkReadiness()``.
    public func checkReadiness() async throws {
        let right = ResourceAccess(verb: "create", group: "batch", resource: "jobs")
        let decision = try await client.decision(on: right)
        guard decision.isAllowed else {
            throw BuildsError(
                .builderUnavailable,
                "the account may not \(right) in namespace \(client.namespace)\(decision.reason.map { " (\($0))" } ?? ""); "
                    + "bind it to a Role that allows it")
        }
    }
}

extension Job {
    /// The newest of the Pods that are this Job's, and not those of an earlier Job of the same name.
    func pod(among pods: [Pod]) -> Pod? {
        pods.filter { pod in pod.metadata.ownerReferences.contains { $0.uid == metadata.uid } }
            .max {
                ($0.metadata.creationTimestamp?.date ?? .distantPast)
                    < ($1.metadata.creationTimestamp?.date ?? .distantPast)
            }
    }
}
