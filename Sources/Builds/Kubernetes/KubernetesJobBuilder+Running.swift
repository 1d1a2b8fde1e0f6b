internal import FoundationEssentials
internal import KubernetesClient
internal import Logging
internal import OCIDistribution
internal import Synchronization

extension KubernetesJobBuilder {
    /// How many logs are read at once to tell how far BuildKit is.
    private static let mostLogs = 32
    /// The shortest time between two rounds of whoever goes through all builds.
    static let shortestRound: Duration = .milliseconds(200)
    /// The longest time between two rounds of the leader.
    static let longestRound: Duration = .seconds(5)
    /// How long moving the tags of a webapp waits after a failure.
    private static let movingPause: Duration = .seconds(15)

    /// See ``Builder/run(as:ended:)``.
    ///
    /// Two watches, one of all Jobs and one of their Pods, and one log for each build that runs. The leader settles builds that nobody
    /// looks at, before their Pods and logs are gone.
    public func run(as role: BuilderRole, ended: @escaping @Sendable (Build) async -> Void) async {
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in await client.jobReflector(matching: jobSelector).run { board.apply($0) } }
            group.addTask { [self] in await client.podReflector(matching: podSelector).run { board.apply($0) } }
            group.addTask { [self] in await followLogs() }
            group.addTask { [self] in await tellEnds(ended) }
            guard role == .service else { return }
            group.addTask { [self] in
                await LeaderElection(
                    client: client, name: Self.leaseName, identity: identity, clock: clock, now: now, logger: logger
                ).run { await lead($0, ended) }
            }
        }
    }

    /// The Lease that decides who leads.
    static let leaseName = "registry-query"

    // MARK: Every process

    private func tellEnds(_ ended: @Sendable (Build) async -> Void) async {
        let listener = board.listen(to: nil)
        var known: Set<String> = []
        var open: [String: Build] = [:]
        while !Task.isCancelled {
            let entries = board.entries
            let over = entries.filter { $0.found.job.outcome != nil || $0.found.job.metadata.isBeingDeleted }
            var now: Set<String> = []
            for entry in over {
                // Once when it ends, and once more when it is known how: the tag is served by then.
                let key = "\(entry.found.uid ?? "") \(entry.found.recorded != nil)"
                now.insert(key)
                if !known.contains(key) { await ended(entry.found.recorded ?? entry.found.promised) }
            }
            known = now
            // Nothing but a cancellation takes a Job away that has not ended; it may have pushed before it was gone.
            let uids = Set(entries.compactMap(\.found.uid))
            for (uid, build) in open where !uids.contains(uid) { await ended(build.vanished(at: self.now())) }
            let unfinished = entries.filter {
                $0.found.recorded == nil && $0.found.job.outcome == nil && !$0.found.isHeldBack
            }
            open = Dictionary(
                unfinished.compactMap { entry in entry.found.uid.map { ($0, entry.found.build(reading(entry))) } }
            ) { $1 }
            try? await clock.sleep(for: Self.shortestRound)
            try? await listener.signal.wait(upTo: .seconds(60), on: clock)
        }
    }

    /// Reads the logs of the builds that run, as many as may be read at once.
    private func followLogs() async {
        let listener = board.listen(to: nil)
        let read = FollowedLogs(most: Self.mostLogs)
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                for entry in board.entries {
                    guard let uid = entry.found.uid, let pod = entry.pod, entry.found.job.outcome == nil,
                        pod.container(named: JobKeys.Container.build)?.state?.running != nil, read.begin(uid)
                    else { continue }
                    group.addTask { [self] in
                        await followLog(of: entry.found, pod)
                        // The state of the Pod may lag behind the end of its log.
                        try? await clock.sleep(for: .seconds(5))
                        read.end(uid)
                        // Another build may wait for the place.
                        listener.signal.raise()
                    }
                }
                try? await clock.sleep(for: Self.shortestRound)
                try? await listener.signal.wait(upTo: .seconds(60), on: clock)
            }
        }
    }

    private func followLog(of found: JobBuild, _ pod: Pod) async {
        for attempt in 1...5 where !Task.isCancelled {
            var options = LogOptions(container: JobKeys.Container.build)
            options.follow = true
            do {
                guard case .bytes(let log) = try await client.log(ofPod: pod.metadata.name, options) else { return }
                var progress = BuildKitProgress()
                for try await chunk in log {
                    let told = progress
                    progress.read(chunk)
                    if progress != told { board.apply(progress, to: found, at: now()) }
                }
                return
            } catch {
                try? await clock.sleep(for: .seconds(attempt))
            }
        }
    }

    // MARK: The leader

    private func lead(_ leadership: Leadership, _ ended: @escaping @Sendable (Build) async -> Void) async {
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in await settleAll() }
            group.addTask { [self] in await keepJournal() }
            // A registry that hangs must not keep the builds from being settled.
            group.addTask { [self] in await moveAllTags(leadership, ended) }
            group.addTask { [self] in await endCancelledBuilds() }
            group.addTask { [self] in await releaseStrays() }
            group.addTask { [self] in await deliverCallbacks(leadership) }
        }
    }

    private func settleAll() async {
        let listener = board.listen(to: nil)
        var suspended: [String: @Sendable () -> Duration] = [:]
        while !Task.isCancelled {
            if board.isLive {
                let entries = board.entries
                // Whatever fails here is tried again in the next round.
                _ = try? await settled(entries)
                let heldBack = entries.filter { $0.found.isHeldBack && !$0.found.isTakenBack }
                let ages = heldBack.compactMap { entry in
                    entry.found.uid.map { ($0, suspended[$0] ?? clock.stopwatch()) }
                }
                suspended = Dictionary(ages) { first, _ in first }
                for entry in heldBack where entry.found.uid.flatMap({ suspended[$0] })?() ?? .zero > longestSuspension {
                    await resumeAbandoned(entry.found)
                }
            }
            try? await clock.sleep(for: Self.shortestRound)
            try? await listener.signal.wait(upTo: Self.longestRound, on: clock)
        }
    }

    private func moveAllTags(_ leadership: Leadership, _ ended: @Sendable (Build) async -> Void) async {
        let listener = board.listen(to: nil)
        var moved: [BuildID: Build] = [:]
        while !Task.isCancelled {
            let builds = board.isLive ? board.entries.compactMap(\.found.recorded) : []
            let known = Dictionary(builds.map { ($0.id, $0) }) { first, _ in first }
            if board.isLive { moved = moved.filter { known[$0.key]?.withoutCallback == $0.value } }
            var pause = Self.shortestRound
            for build in builds.sorted(by: { $0.createdAt < $1.createdAt })
            where build.status == .succeeded && moved[build.id] == nil {
                guard let moves = await moveTags(after: build, leadership) else {
                    pause = Self.movingPause
                    break
                }
                moved[build.id] = build.withoutCallback
                // What is known of the tags is out of date once more.
                if !moves.isEmpty { await ended(build) }
            }
            try? await clock.sleep(for: pause)
            if pause == Self.shortestRound { try? await listener.signal.wait(upTo: Self.longestRound, on: clock) }
        }
    }

    /// Finishes what a process began that died between creating a Job and letting it run.
    func resumeAbandoned(_ found: JobBuild) async {
        do {
            switch try await released(found, givesUp: false) {
            case .created:
                logger.notice("a build that was reserved but not started goes on", metadata: ["build": "\(found.id)"])
            case .nameTaken: break
            }
        } catch {
            logger.warning(
                "a build that was reserved is not started yet", metadata: ["build": "\(found.id)", "error": "\(error)"])
        }
    }

    /// What was moved; `nil` if that has to be tried again.
    private func moveTags(after build: Build, _ leadership: Leadership) async -> [MovingTags.Moved]? {
        do {
            return try await movingTags.advance(build.image.repository, after: build.version) {
                leadership.lasts(longestTagWrite)
            }
        } catch {
            if !Task.isCancelled {
                logger.warning(
                    "the moving tags were not moved; they will be",
                    metadata: ["build": "\(build.id)", "error": "\(error)"])
            }
            return nil
        }
    }
}

/// The builds whose logs are read.
private final class FollowedLogs: Sendable {
    private let uids = Mutex<Set<String>>([])
    private let most: Int

    init(most: Int) { self.most = most }

    /// Whether the log of this Job is to be read now.
    func begin(_ uid: String) -> Bool {
        uids.withLock { $0.count < most && $0.insert(uid).inserted }
    }

    func end(_ uid: String) { uids.withLock { _ = $0.remove(uid) } }
}
