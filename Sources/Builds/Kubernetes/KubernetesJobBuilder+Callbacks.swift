internal import FoundationEssentials
internal import KubernetesClient
internal import Logging

extension KubernetesJobBuilder {
    /// For how long from the beginning of an attempt nobody else may lead: as long as the attempt takes, and a little more.
    private static let longestAttempt = CallbackSender.longestAttempt + .seconds(2)
    /// How often a record is tried while the Job keeps changing.
    private static let longestSeries = 5
    /// How many cancelled builds are brought to their end at once.
    private static let endingWidth = 8

    /// Tells those who asked for builds how they have ended, for as long as this process leads.
    func deliverCallbacks(_ leadership: Leadership) async {
        let listener = board.listen(to: nil)
        await CallbackDelivery(
            sender: callbacks,
            ledger: JobLedger(builder: self, listener: listener, leadership: leadership),
            clock: clock, now: now, logger: logger, longestEnding: longestCallbackEnding
        ).run()
    }

    /// The Jobs as the record of callbacks.
    private struct JobLedger: CallbackLedger {
        let builder: KubernetesJobBuilder
        let listener: BuildBoard.Listener
        let leadership: Leadership

        var news: Signal { listener.signal }

        func owed() throws -> [Build]? {
            guard builder.board.isLive else { return nil }
            return builder.board.entries.compactMap { entry in
                // A Job that is held by nothing but a callback that is over is let go of, whatever happened.
                guard let build = entry.found.recorded,
                    build.callback?.status.isFinal == false || entry.found.isHeldByCallback
                else { return nil }
                return build
            }
        }

        func maySend() -> Bool { leadership.lasts(KubernetesJobBuilder.longestAttempt) }

        func record(_ callback: Callback, of build: Build) async throws {
            try await builder.record(callback, of: build)
        }
    }

    /// Writes the state of a callback onto its Job and, once it is over, lets the Job go: one patch of the version that
    /// is known.
    private func record(_ callback: Callback, of build: Build) async throws {
        var known = board.entry(build.id)?.found
        if known == nil { known = try await find(build.id) }
        guard let found = known, found.promised.createdAt == build.createdAt else { return }
        var job = found.job
        for attempt in 1... {
            var callback = callback
            if let other = job.metadata.annotations[JobKeys.Annotation.callback].flatMap(Callback.init(annotation:)),
                other.status.isFinal || other.attempts > callback.attempts
            {
                // Another process knows more.
                callback = other
                guard other.status.isFinal else { return }
            }
            do {
                _ = try await client.patchJob(named: job.metadata.name, callback.patch(of: job))
                return
            } catch let error as KubernetesError where error.code == .notFound {
                return
            } catch let error as KubernetesError where error.code == .conflict && attempt < Self.longestSeries {
                guard let now = try await current(found) else { return }
                job = now
            }
        }
    }

    /// The Job as it is now; `nil` if it is gone, whoever has its name.
    private func current(_ found: JobBuild) async throws -> Job? {
        do {
            let job = try await client.job(named: found.job.metadata.name)
            return job.metadata.uid == found.uid ? job : nil
        } catch let error as KubernetesError where error.code == .notFound {
            return nil
        }
    }

    // MARK: Cancelled builds

    /// Brings cancelled builds to their end that are held by a callback: nothing of them runs, and that is recorded, so
    /// that it can be told.
    func endCancelledBuilds() async {
        let listener = board.listen(to: nil)
        // The uids of the Jobs whose Pods were stopped.
        var stopped: Set<String> = []
        while !Task.isCancelled {
            let builds = board.entries.map(\.found)
            stopped.formIntersection(builds.compactMap(\.uid))
            let waiting = builds.filter { Self.waitsForEnd($0.job) && $0.recorded == nil }
            // First all are stopped: what is asked before an end is recorded may take its time.
            let running = waiting.filter { $0.uid.map { !stopped.contains($0) } ?? false }
            stopped.formUnion(await each(running, stop).compactMap(\.uid))
            _ = await each(waiting.filter { $0.uid.map(stopped.contains) ?? false }) { [self] found in
                // One that takes longer must not hold up those that are not recorded in this round.
                _ = try await clock.within(Self.longestSettling) { try await recordCancellation(found) }
            }
            try? await clock.sleep(for: Self.shortestRound)
            try? await listener.signal.wait(upTo: Self.longestRound, on: clock)
        }
    }

    /// Does something for builds, some at a time; answers those for which it was done.
    private func each(
        _ builds: [JobBuild], _ body: @escaping @Sendable (JobBuild) async throws -> Void
    ) async -> [JobBuild] {
        await withTaskGroup(of: JobBuild?.self) { group in
            var rest = builds[...]
            var done: [JobBuild] = []
            func startNext() {
                guard let found = rest.popFirst() else { return }
                group.addTask {
                    do {
                        try await body(found)
                        return found
                    } catch {
                        guard !Task.isCancelled else { return nil }
                        logger.debug(
                            "a cancelled build is not brought to its end yet",
                            metadata: ["build": "\(found.id)", "error": "\(error)"])
                        return nil
                    }
                }
            }
            for _ in 0..<Self.endingWidth { startNext() }
            for await found in group {
                if let found { done.append(found) }
                startNext()
            }
            return done
        }
    }

    /// Deleted in the background it runs on for as long as it is held, and nobody can see how it was deleted.
    private func stop(_ found: JobBuild) async throws {
        _ = try await client.deleteJob(named: found.job.metadata.name, propagation: .foreground, uid: found.uid)
    }

    /// What the watches tell may be older than the deletion, so it is asked anew.
    private func recordCancellation(_ found: JobBuild) async throws {
        guard let job = try await current(found), Self.waitsForEnd(job),
            case .build(let now) = JobBuild.kind(of: job, naming: naming), now.recorded == nil
        else { return }
        let reading = reading(entry(now, pod: try await pod(of: now)))
        guard reading.stage == .cancelled else { return }
        let build = try await cancelled(now.build(reading), isHeld: true)
        try await record(JobBuild.record(of: build), on: now)
    }

    /// Whether a Job was deleted before it ended, and only finalizers that stop nothing hold it.
    private static func waitsForEnd(_ job: Job) -> Bool {
        job.metadata.isBeingDeleted && job.outcome == nil
            && job.metadata.finalizers.contains(JobKeys.callbackFinalizer)
            && !job.metadata.finalizers.contains(JobKeys.foregroundFinalizer)
    }
}
