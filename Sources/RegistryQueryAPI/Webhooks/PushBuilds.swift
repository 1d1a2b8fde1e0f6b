import Builds
import FoundationEssentials
import Logging
import OCIDistribution
import SemanticVersions

/// Starts the builds that a push asks for, as many as the time allows.
struct PushBuilds: Sendable {
    /// How many webapps are looked after at a time.
    static let width = 4
    /// How often the builds of a webapp are looked at until each has its place.
    private static let mostLooks = 30

    let builds: BuildService
    let push: Push
    let webhook: GitHubWebhook
    let deadline: ContinuousClock.Instant
    let requestedBy: String
    let logger: Logger

    private enum Outcome: Sendable {
        /// With the builds of earlier pushes that were cancelled for it.
        case build(Build, cancelled: [Build])
        case skipped(String)
        case failed(Problem)
    }

    /// Builds, skips or fails each webapp that the push touched.
    func report() async -> PushReport {
        let plan = PushPlan(push, paths: webhook.paths)
        var report = PushReport(skipped: plan.skipped)
        guard !plan.candidates.isEmpty else { return report }
        let outcomes: [Outcome]
        do {
            let known = try await inTime { try await builds.builds(of: nil, status: nil) }
            outcomes = await settle(plan.candidates, known)
        } catch {
            outcomes = plan.candidates.map { _ in failure(error) }
        }
        for (candidate, outcome) in zip(plan.candidates, outcomes) {
            switch outcome {
            case .build(let build, let cancelled):
                report.builds.append(build)
                report.cancelled += cancelled
            case .skipped(let reason):
                report.skipped.append(
                    PushPlan.Skipped(folder: candidate.folder, webapp: candidate.webapp, reason: reason))
            case .failed(let problem): report.failed.append((candidate.webapp, problem))
            }
        }
        report.skipped.sort { $0.folder < $1.folder }
        return report
    }

    /// What became of each candidate, in their order.
    private func settle(_ candidates: [PushPlan.Candidate], _ known: [Build]) async -> [Outcome] {
        await withTaskGroup(of: (Int, Outcome).self) { group in
            var outcomes = [Outcome?](repeating: nil, count: candidates.count)
            for (index, candidate) in candidates.enumerated() {
                if index >= Self.width, let (done, outcome) = await group.next() { outcomes[done] = outcome }
                group.addTask {
                    do {
                        return (index, try await inTime { try await settle(candidate, known) })
                    } catch {
                        return (index, failure(error))
                    }
                }
            }
            for await (index, outcome) in group { outcomes[index] = outcome }
            return outcomes.map { $0 ?? failure(DeadlineExceeded()) }
        }
    }

    private func settle(_ candidate: PushPlan.Candidate, _ known: [Build]) async throws -> Outcome {
        if case .started(let build) = push.standing(of: candidate.webapp, among: known, newest: nil) {
            return try await placed(candidate, build, known)
        }
        let (isKnown, newest) = try await newestVersion(of: candidate.webapp)
        guard isKnown || !candidate.needsProof else {
            return .skipped(
                "nothing shows that it is a webapp: the registry does not know its repository, and the push does not add or "
                    + "change \(candidate.folder)/Dockerfile; if it is one, name it in WEBAPP_PATHS")
        }
        if case .outdated(let reason) = push.standing(of: candidate.webapp, among: known, newest: newest) {
            return .skipped(reason)
        }
        guard let build = try await start(candidate) else {
            return .skipped("no commit that touched it asks for a release")
        }
        return try await placed(candidate, build, nil)
    }

    /// The build of a webapp, new or known.
    private func start(_ candidate: PushPlan.Candidate, above floor: VersionTag? = nil) async throws -> Build? {
        let request = BuildRequest(
            webapp: candidate.webapp, selection: .bump(candidate.bump, prereleaseIdentifier: nil, range: nil),
            gitURL: webhook.git.url == nil ? push.cloneURL : nil, gitRef: webhook.git.branch, gitCommit: push.after,
            gitSubdirectory: candidate.folder,
            idempotencyKey: "\(PushKey(push, webapp: candidate.webapp, above: floor))", requestedBy: requestedBy)
        return switch try await builds.start(request) {
        case .existing(let build), .started(let build): build
        case .releaseNotNeeded: nil
        }
    }

    // MARK: Place

    /// Gives the push's build its place among those of other pushes: see ``PushPlacement``.
    /// - Parameter known: What is known of the builds, if it is from after the creation of `build`.
    private func placed(
        _ candidate: PushPlan.Candidate, _ build: Build, _ known: [Build]?
    ) async throws -> Outcome {
        let webapp = candidate.webapp
        var (known, floor, asked) = (known, VersionTag?.none, Set<BuildID>())
        var cancelled: [Build] = []
        for _ in 0..<Self.mostLooks {
            let all: [Build] =
                if let known { known } else { try await builds.builds(of: webapp, status: nil) }
            known = nil
            switch push.placement(of: webapp, among: all, above: floor) {
            case .unknown: return .build(build, cancelled: cancelled)
            case .undecided: try await Task.sleep(for: .milliseconds(100))
            case .below(let version):
                floor = version
                _ = try await start(candidate, above: version)
            case .overtaken(let later, let own):
                var end = "at the same time"
                for build in own where try await !isCancelled(build) {
                    end =
                        "and is older than \(build.version.tag), which cannot be stopped any more; redeliver that push"
                }
                return .skipped("a later push was built as \(later.version.tag) (\(later.id)) \(end)")
            case .placed(let own, let others):
                let left = others.filter { asked.insert($0.id).inserted }
                guard !left.isEmpty else { return .build(own, cancelled: cancelled) }
                for other in left {
                    let isGone = try await isCancelled(other)
                    guard other.version > own.version, !push.owns(other) else { continue }
                    if isGone { cancelled.append(other) } else { floor = max(floor ?? other.version, other.version) }
                }
            }
        }
        throw BuildsError(
            .reservationContended, "other pushes kept taking the versions of \(webapp) first; redeliver the webhook")
    }

    /// Whether a build was cancelled before it could push.
    private func isCancelled(_ build: Build) async throws -> Bool {
        do {
            let last = try await withDeadline(webhook.longestCancellation) { try await builds.cancel(build.id) }
            return last.status == .cancelled && last.digest == nil
        } catch is DeadlineExceeded {
            return false
        } catch let error as BuildsError where error.code == .buildUnknown {
            return true
        }
    }

    private func newestVersion(of webapp: WebappName) async throws -> (isKnown: Bool, PublishedVersion?) {
        do {
            let tags = try await builds.versions.tags(
                of: webapp, range: nil, prereleases: nil, limit: 1, freshness: .anew)
            guard let latest = tags.latest else { return (true, nil) }
            let (_, image) = try await builds.versions.image(of: webapp, tag: Tag(latest.tag))
            return (true, PublishedVersion(latest, image))
        } catch let error as BuildsError where error.code == .repositoryUnknown {
            return (false, nil)
        } catch let error as BuildsError where error.code == .tagUnknown {
            return (true, nil)
        }
    }

    // MARK: Time

    private func inTime<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let left = deadline - .now
        guard left > .zero else { throw DeadlineExceeded() }
        return try await withDeadline(left, operation)
    }

    private func failure(_ error: any Error) -> Outcome {
        if error is DeadlineExceeded {
            return .failed(
                Problem(
                    .deadlineExceeded,
                    "the time for the answer was over; the build may have been created all the same"))
        }
        let problem = Problem(error)
        if problem.code == .internalError { logger.error("a build was not started", metadata: ["error": "\(error)"]) }
        return .failed(problem)
    }
}

extension PublishedVersion {
    /// The label tells when the version was reserved, which comes before its image was made.
    ///
    /// Spec: OCI image specification 1.1, "Pre-Defined Annotation Keys".
    fileprivate init(_ tag: VersionTag, _ image: ImageDetails) {
        let reserved = image.labels["org.opencontainers.image.created"].flatMap { try? Date($0, strategy: .iso8601) }
        self.init(tag: tag, revision: image.revision, createdAt: reserved ?? image.createdAt)
    }
}
