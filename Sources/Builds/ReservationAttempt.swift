internal import FoundationEssentials
internal import Logging
internal import OCIDistribution
internal import SemanticVersions

/// One round of the algorithm that gives each version to one build, for all callers that wait for the same webapp.
///
/// 1. list the builds: their versions count as taken, whatever their state;
/// 2. then list the tags, complete and uncached;
/// 3. for each caller choose the next version of both, and create the build under the name of that version.
///
/// Builds before tags: a build that is gone before step 1 has pushed before step 2, or never will. Callers may share a round because
/// each of them began to wait before step 1, and because what a round creates counts as taken for the rest of it. A name that turns
/// out to be taken means that step 1 is out of date: everybody who is left goes into the next round. So does a key that another
/// build turns out to have: this round may know of no build with it and yet come to another version than that build, which has
/// pushed between step 1 and step 2, so the builder looks again; see ``Builder/create(_:)``.
struct ReservationAttempt {
    /// How old step 1 may become.
    ///
    /// A build that step 1 did not see must not be able to come, push and be cleaned away before step 3; the cleaning takes ten
    /// minutes at the least (`ttlSecondsAfterFinished`).
    static let longestAge: Duration = .seconds(60)

    let builder: any Builder
    let registry: any TagRegistry
    let naming: ImageNaming
    let policy: VersionPolicy
    let clock: any Clock<Duration>
    let logger: Logger

    /// What came of a round for one caller.
    enum Outcome: Sendable {
        case settled(StartOutcome)
        case refused(any Error)
        /// To be tried in another round.
        case again
    }

    /// Settles, refuses or postpones each of the requests.
    func callAsFunction(_ requests: [PreparedRequest]) async -> [Outcome] {
        guard let webapp = requests.first?.webapp else { return [] }
        do {
            return try await attempt(requests, webapp: webapp)
        } catch {
            return requests.map { _ in .refused(error) }
        }
    }

    private func attempt(_ requests: [PreparedRequest], webapp: WebappName) async throws -> [Outcome] {
        let age = clock.stopwatch()
        let needsAll = requests.contains { $0.request.idempotencyKey != nil }
        let all = try await builder.builds(of: needsAll ? nil : webapp)
        var builds = all.filter { $0.webapp == webapp }
        var keyed = Dictionary(
            all.compactMap { build in build.idempotencyKey.map { ($0, build) } }, uniquingKeysWith: Self.likelier)
        let repository = try naming.repository(of: webapp)
        let tags = try await registry.currentTags(of: repository)

        var outcomes: [Outcome] = []
        var isOutOfDate = false
        for request in requests {
            if let key = request.request.idempotencyKey, let build = keyed[key] {
                // Whoever made it is about to let it run, or to give it up, or has done so.
                guard !build.isHeldBack else {
                    outcomes.append(.again)
                    continue
                }
                outcomes.append(Self.repetition(of: build, key: key, request))
                continue
            }
            guard !isOutOfDate, age() < Self.longestAge else {
                outcomes.append(.again)
                continue
            }
            do {
                let chooser = VersionChooser(tags: tags, held: builds.map(\.version), policy: policy)
                switch try chooser.choose(request.request.selection) {
                case .releaseNotNeeded(let current):
                    outcomes.append(.settled(.releaseNotNeeded(current: current)))
                case .version(let version, _, _):
                    switch try await builder.create(request.plan(version: version, naming: naming)) {
                    case .created(let build):
                        builds.append(build)
                        if let key = build.idempotencyKey { keyed[key] = build }
                        outcomes.append(.settled(.started(build)))
                    case .nameTaken:
                        BuildMetrics.reservationConflict()
                        logger.debug(
                            "reservation lost to another",
                            metadata: [
                                "build":
                                    "\(BuildID(webapp: webapp, repository: repository, version: version.version))",
                                "version": "\(version.tag)",
                            ])
                        isOutOfDate = true
                        outcomes.append(.again)
                    }
                }
            } catch {
                outcomes.append(.refused(error))
                // A create that failed may have created: what is known of the builds is no longer complete.
                if !(error is BuildsError || error is InvalidInput) { isOutOfDate = true }
            }
        }
        return outcomes
    }

    private static func repetition(of build: Build, key: String, _ request: PreparedRequest) -> Outcome {
        guard build.requestFingerprint == request.fingerprint else {
            return .refused(
                BuildsError(
                    .idempotencyKeyReused,
                    "the Idempotency-Key belongs to another request, which started \(build.id); use a new key for a new request"
                ))
        }
        return .settled(.existing(build))
    }

    /// The one of two with the same key that whoever asks with it is told of: rather one that was not given up.
    private static func likelier(_ left: Build, _ right: Build) -> Build {
        if left.isHeldBack != right.isHeldBack { return left.isHeldBack ? right : left }
        return left.createdAt < right.createdAt ? right : left
    }
}

extension Clock where Duration == Swift.Duration {
    /// Tells how much time has passed since it was made.
    func stopwatch() -> @Sendable () -> Duration {
        let start = now
        return { start.duration(to: now) }
    }
}
