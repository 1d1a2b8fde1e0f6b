import Builds
import FoundationEssentials
import Logging
import OCIDistribution
import SemanticVersions

/// Starts the builds that a push asks for, as many as the time allows.
struct PushBuilds: Sendable {
    /// How many webapps are looked after at a time.
    static let width = 4

    let builds: BuildService
    let push: Push
    let webhook: GitHubWebhook
    let deadline: ContinuousClock.Instant
    let requestedBy: String
    let logger: Logger

    private enum Outcome: Sendable {
        case build(Build)
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
            case .build(let build): report.builds.append(build)
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
            return .build(build)
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
        let request = BuildRequest(
            webapp: candidate.webapp, selection: .bump(candidate.bump, prereleaseIdentifier: nil, range: nil),
            gitURL: webhook.git.url == nil ? push.cloneURL : nil, gitRef: webhook.git.branch, gitCommit: push.after,
            gitSubdirectory: candidate.folder, idempotencyKey: "\(PushKey(push, webapp: candidate.webapp))",
            requestedBy: requestedBy)
        switch try await builds.start(request) {
        case .existing(let build): return .build(build)
        case .started(let build): return try await withdrawnIfOvertaken(build)
        case .releaseNotNeeded: return .skipped("no commit that touched it asks for a release")
        }
    }

    /// Two pushes that arrive at the same time do not see each other's builds before they start their own.
    ///
    /// The later one may then have got the lower version; what the earlier one started is taken back.
    private func withdrawnIfOvertaken(_ build: Build) async throws -> Outcome {
        let known = try await builds.builds(of: build.webapp, status: nil)
        guard let later = push.overtaker(of: build, among: known) else { return .build(build) }
        _ = try await builds.cancel(build.id)
        return .skipped("a later push was built as \(later.version.tag) (\(later.id)) at the same time")
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
