internal import FoundationEssentials
internal import KubernetesClient
internal import OCIDistribution
internal import SemanticVersions

extension KubernetesJobBuilder {
    /// How often a deletion is tried while the Job keeps changing.
    private static let longestSeries = 5

    /// See ``Builder/cancel(_:)``.
    ///
    /// Deletes the Job in the foreground: its name, which is the reservation, stays until the last container has
    /// ended. Deleted in the background it would be free at once, while the build goes on and pushes.
    public func cancel(_ id: BuildID) async throws -> Build? {
        guard var found = try await find(id) else { return nil }
        let uid = found.job.metadata.uid
        for attempt in 1...Self.longestSeries {
            let build = try await observed(found)
            // A build whose Pod has succeeded has pushed: there is nothing left to stop.
            guard !build.status.isFinal, build.phase != .verifying else { return build }
            do {
                // Only the version that was looked at: if it ends in this moment, it is left as it is.
                let deletion = try await client.deleteJob(
                    named: found.job.metadata.name, propagation: .foreground, uid: uid,
                    resourceVersion: found.job.metadata.resourceVersion)
                switch deletion {
                case .gone: return try await cancelled(build)
                case .pending: return try await waitForEnd(of: found, build)
                }
            } catch let error as KubernetesError where error.code == .notFound {
                return try await cancelled(build)
            } catch let error as KubernetesError where error.code == .conflict || error.isTransient {
                guard attempt < Self.longestSeries else { throw error }
            }
            guard let again = try await find(id), again.job.metadata.uid == uid else {
                return try await cancelled(build)
            }
            found = again
        }
        return try await observed(found)
    }

    /// Waits, for a few seconds, until nothing of a build runs any more.
    private func waitForEnd(of found: JobBuild, _ build: Build) async throws -> Build {
        let age = clock.stopwatch()
        while true {
            let job: Job
            do {
                job = try await client.job(named: found.job.metadata.name)
            } catch let error as KubernetesError where error.code == .notFound {
                return try await cancelled(build)
            }
            guard job.metadata.uid == found.job.metadata.uid,
                case .build(let current) = JobBuild.kind(of: job, naming: naming)
            else { return try await cancelled(build) }
            let isLast = age() >= Self.cancellationWait
            if isLast || !job.metadata.finalizers.contains(JobKeys.foregroundFinalizer) {
                let now = try await observed(current)
                if isLast || now.status.isFinal { return now }
            }
            try await clock.sleep(for: .milliseconds(100))
        }
    }

    /// The build whose Job is gone.
    ///
    /// It may have pushed until the very end, so the registry is asked before its version is called free.
    /// - Parameter isHeld: Whether the Job is still there because of its callback.
    func cancelled(_ build: Build, isHeld: Bool = false) async throws -> Build {
        let isFree = "\(build.version.tag) is free \(isHeld ? "once its callback is over" : "again")"
        var build = build
        build.status = .cancelled
        build.phase = nil
        build.progress = nil
        build.finishedAt = now()
        switch try await served(build.image) {
        case .nothing:
            build.message = "cancelled; its version \(isFree)"
        case .digest(let digest):
            build.digest = digest
            build.message = "cancelled, but its image had been pushed: the registry serves \(build.image) as \(digest)"
        case .unknown:
            build.message = "cancelled; its version \(isFree) unless it had been pushed"
        }
        return build
    }
}
