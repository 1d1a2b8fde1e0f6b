internal import FoundationEssentials
internal import KubernetesClient
internal import Logging
internal import OCIDistribution

extension KubernetesJobBuilder {
    /// How many builds are settled at once.
    private static let settlingWidth = 8

    /// A build as it is now, with how it ended recorded on its Job as soon as that is known.
    func observed(_ found: JobBuild) async throws -> Build {
        if let build = found.recorded { return build }
        return try await settledInTime(entry(found, pod: try await pod(of: found)))
    }

    /// What is known of a build, with how far BuildKit is if this process follows that.
    func entry(_ found: JobBuild, pod: Pod?) -> BuildBoard.Entry {
        let log = board.log(of: found)
        return BuildBoard.Entry(found: found, pod: pod, progress: log.progress, pushingSince: log.pushingSince)
    }

    /// Many builds as they are now, in their order.
    ///
    /// What cannot be settled within a few seconds is reported as not yet settled.
    func settled(_ entries: [BuildBoard.Entry]) async throws -> [Build] {
        let age = clock.stopwatch()
        var builds = entries.map { $0.found.recorded ?? $0.found.build(reading($0)) }
        let open = entries.indices.filter { isWorthSettling(entries[$0]) }
        var rest = open[...]
        try await withThrowingTaskGroup(of: (Int, Build).self) { group in
            func startNext() {
                guard age() < Self.longestSettling, let index = rest.popFirst() else { return }
                group.addTask { (index, try await settledInTime(entries[index])) }
            }
            for _ in 0..<Self.settlingWidth { startNext() }
            while let (index, build) = try await group.next() {
                builds[index] = build
                startNext()
            }
        }
        return builds
    }

    func reading(_ entry: BuildBoard.Entry, explanation: String? = nil) -> JobReading {
        JobReading(
            job: entry.found.job, pod: entry.pod, progress: entry.progress, pushingSince: entry.pushingSince,
            explanation: explanation, now: now())
    }

    /// Whether there is something to ask or to record.
    func isWorthSettling(_ entry: BuildBoard.Entry) -> Bool {
        guard entry.found.recorded == nil else { return false }
        let reading = reading(entry)
        return reading.stage == .complete || reading.stage == .failed || !news(in: reading, of: entry.found).isEmpty
            || reading.isUnexplained
    }

    /// What is known of a build that has not ended and would be lost with its Pod.
    ///
    /// A trouble that is over is no longer noted: after a deadline it would be taken for the cause.
    private func news(in reading: JobReading, of found: JobBuild) -> [String: String?] {
        let notes = found.job.metadata.annotations
        var news: [String: String?] = [:]
        let noted = notes[JobKeys.Annotation.trouble]
        if let trouble = reading.trouble, noted.map({ !JobTrouble.isSame($0, trouble) }) ?? true {
            news[JobKeys.Annotation.trouble] = trouble
        } else if reading.trouble == nil, noted != nil, reading.stage != .queued, reading.stage != .running(nil) {
            news[JobKeys.Annotation.trouble] = .some(nil)
        }
        if let commit = reading.commit, notes[JobKeys.Annotation.commit] == nil {
            news[JobKeys.Annotation.commit] = commit
            news[JobKeys.Annotation.startedAt] = reading.startedAt.map { MicroTime($0).description }
            news[JobKeys.Annotation.phases] = JobBuild.annotation(of: reading.phaseStarts)
        }
        return news
    }

    /// A build as it is now, settled if that does not take too long.
    func settledInTime(_ entry: BuildBoard.Entry) async throws -> Build {
        if let build = entry.found.recorded { return build }
        guard isWorthSettling(entry), let uid = entry.found.uid else { return entry.found.build(reading(entry)) }
        let versions = [entry.found.job.metadata.resourceVersion, entry.pod?.metadata.resourceVersion]
        return try await settlements.share("\(uid) \(versions.map { $0 ?? "" })") {
            try await clock.within(Self.longestSettling) { try await settled(entry) }
                ?? entry.found.build(reading(entry))
        }
    }

    private func settled(_ entry: BuildBoard.Entry) async throws -> Build {
        var entry = entry
        let found = entry.found
        var reading = reading(entry)
        let isOver = reading.stage == .complete || reading.stage == .failed
        if isOver, entry.pod?.hasEnded != true {
            // The two watches are not in step: what is recorded for good must not come from an older state of the Pod.
            entry.pod = try await pod(of: found)
            reading = self.reading(entry)
        }
        switch reading.stage {
        case .complete: return try await verified(found, reading)
        case .failed: return try await failed(entry, reading)
        case .queued, .running, .cancelled:
            if reading.isUnexplained, let explanation = try await explainer.explanation(of: found.job, entry.pod) {
                reading = self.reading(entry, explanation: explanation)
            }
            let news = news(in: reading, of: found)
            if !news.isEmpty { try await record(news, on: found) }
            return found.build(reading)
        }
    }

    // MARK: Success

    /// Asks the registry for the tag of a Job that completed.
    ///
    /// It has succeeded only once that is served.
    private func verified(_ found: JobBuild, _ reading: JobReading) async throws -> Build {
        var build = found.build(reading)
        let end = reading.finishedAt ?? now()
        switch try await served(build.image) {
        case .digest(let digest):
            build.status = .succeeded
            build.phase = nil
            build.digest = digest
            build.message = "the registry serves \(build.image) as \(digest)"
        case .nothing:
            let age = now().timeIntervalSince(end)
            guard age > Double(Self.longestVerification.components.seconds) else {
                build.message = "the Job has completed, but the registry does not serve \(build.image) yet"
                return build
            }
            build.status = .failed
            build.phase = nil
            build.message =
                "the Job completed, but the registry serves no \(build.image); check that the build pushes to the registry that "
                + "this service asks (REGISTRY, REGISTRY_ENDPOINT)"
        case .unknown(let reason):
            build.message =
                "the Job has completed, but the registry cannot say yet whether it serves \(build.image): \(reason)"
            return build
        }
        build.finishedAt = end
        return try await recorded(build, on: found)
    }

    // MARK: Failure

    /// Records why a build failed while its Pod can still tell, and whether it had pushed before.
    private func failed(_ entry: BuildBoard.Entry, _ reading: JobReading) async throws -> Build {
        let found = entry.found
        var build = found.build(reading)
        if let pod = entry.pod, let container = reading.silentFailure, let output = await tail(of: pod, container) {
            let outcome = found.job.outcome
            guard case .failed(let reason, let said) = outcome else { return build }
            build.message = JobFailure(job: found.job, pod: pod, reason: reason, said: said, output: output).message
        }
        if case .digest(let digest) = try await served(build.image) {
            build.digest = digest
            build.message += "; nevertheless the registry serves \(build.image) as \(digest): it was pushed before that"
        }
        return try await recorded(build, on: found)
    }

    /// Writes down how a build ended; answers the build as it was written down, maybe by another process that was first.
    ///
    /// What each of them has seen of a push differs a little, and everybody is to be told the same.
    private func recorded(_ build: Build, on found: JobBuild) async throws -> Build {
        guard let job = try await record(JobBuild.record(of: build), on: found),
            case .build(let now) = JobBuild.kind(of: job, naming: naming)
        else { return build }
        return now.recorded ?? build
    }

    /// The end of a container's log; `nil` where there is none to be had.
    private func tail(of pod: Pod, _ container: String) async -> String? {
        var options = LogOptions(container: container)
        options.tailLines = 40
        options.limitBytes = 16 * 1024
        do {
            guard case .bytes(let log) = try await client.log(ofPod: pod.metadata.name, options) else { return nil }
            var bytes: [UInt8] = []
            for try await chunk in log { bytes += chunk.prefix(16 * 1024 - bytes.count) }
            return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
        } catch {
            return nil
        }
    }

    // MARK: Effects

    /// What the registry says about a tag.
    enum Served {
        case digest(Digest)
        case nothing
        /// It did not answer in time, or not with an answer.
        case unknown(String)
    }

    /// Asks the registry for a tag.
    ///
    /// Only cancellation throws.
    func served(_ image: ImageReference) async throws -> Served {
        guard let tag = image.tag else { return .nothing }
        do {
            guard let answer = try await answer(about: tag, of: image) else {
                return .unknown("no answer within \(Self.longestQuestion.components.seconds) s")
            }
            return answer.digest.map(Served.digest) ?? .nothing
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return .unknown("\(error)")
        }
    }

    /// What the registry answers.
    struct Answer: Sendable {
        var digest: Digest?
    }

    /// Asks the registry for a tag; `nil` if it does not answer in time.
    func answer(about tag: Tag, of image: ImageReference) async throws -> Answer? {
        try await clock.within(Self.longestQuestion) {
            Answer(digest: try await registry.servedDigest(of: tag, in: image.repository))
        }
    }

    /// Writes annotations onto a Job, so that they outlive its Pod; `nil` takes one away.
    ///
    /// The version of the Job is part of the patch, so that it cannot meet a later Job of the same name. Its status
    /// may change at any time, so there are a few tries; what fails is left to whoever looks next.
    /// - Returns: The Job with the notes, or with those of somebody who was first; `nil` where that is not known.
    @discardableResult
    func record(_ notes: [String: String?], on found: JobBuild) async throws -> Job? {
        var annotations: JSONValue = [:]
        for (name, value) in notes { annotations[name] = value.map(JSONValue.string) ?? .null }
        var job = found.job
        do {
            for attempt in 1... {
                var metadata: JSONValue = ["annotations": annotations]
                if let version = job.metadata.resourceVersion { metadata["resourceVersion"] = .string(version) }
                do {
                    return try await client.patchJob(named: job.metadata.name, .merge(["metadata": metadata]))
                } catch let error as KubernetesError where error.code == .conflict && attempt < 4 {
                    job = try await client.job(named: job.metadata.name)
                    guard job.metadata.uid == found.job.metadata.uid else { return nil }
                    // Somebody else was first.
                    if job.metadata.annotations[JobKeys.Annotation.status] != nil { return job }
                }
            }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            logger.debug(
                "what is known of a build could not be recorded on its job",
                metadata: ["build": "\(found.id)", "error": "\(error)"])
        }
        return nil
    }
}

extension Clock where Duration == Swift.Duration {
    /// What `body` answers, or `nil` if it takes longer than `limit`; it is cancelled then, and waited for.
    func within<Value: Sendable>(
        _ limit: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}
