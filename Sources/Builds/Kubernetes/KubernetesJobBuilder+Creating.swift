internal import FoundationEssentials
internal import KubernetesClient
internal import Logging

extension KubernetesJobBuilder {
    /// How often a create is sent whose answer was lost.
    private static let longestSeries = 3
    /// No further create is sent after this long.
    private static let longestCreation: Duration = .seconds(12)

    /// See ``Builder/create(_:)``.
    ///
    /// A lost answer is followed up by sending the same Job again: either it is created now, or the name is taken,
    /// and then the annotation ``JobKeys/Annotation/reservation`` tells whether by the first try or by somebody else.
    /// - Throws: `KubernetesError`; after a transient one the Job may exist, or come to exist a moment later.
    public func create(_ plan: BuildPlan) async throws -> Creation {
        let age = clock.stopwatch()
        let reservation = UUID().uuidString
        let manifest = try template.render(plan, namespace: client.namespace, reservation: reservation)
        var attempt = 1
        while true {
            do {
                let created = try await client.createJob(manifest)
                for warning in created.warnings {
                    logger.warning(
                        "the cluster warns of a job", metadata: ["build": "\(plan.id)", "warning": "\(warning)"])
                }
                return try await checked(try readBack(created.job, plan))
            } catch let error as KubernetesError where error.code == .alreadyExistsDeleting {
                return .nameTaken
            } catch let error as KubernetesError where error.code == .alreadyExists {
                return try await holder(of: plan, reservation: reservation)
            } catch let error as KubernetesError where error.mayHaveCreated {
                guard attempt < Self.longestSeries, age() < Self.longestCreation else { throw error }
                logger.debug(
                    "the answer to a create was lost", metadata: ["build": "\(plan.id)", "error": "\(error)"])
                try await clock.sleep(for: .milliseconds(Int.random(in: 50...200) * attempt))
                attempt += 1
            }
        }
    }

    /// Whether a name is taken by the Job of this very call.
    private func holder(of plan: BuildPlan, reservation: String) async throws -> Creation {
        do {
            let job = try await client.job(named: plan.id.description)
            guard job.metadata.annotations[JobKeys.Annotation.reservation] == reservation else { return .nameTaken }
            return try await checked(try readBack(job, plan))
        } catch let error as KubernetesError where error.code == .notFound {
            // Taken a moment ago and free now: whoever asked starts over with a new list.
            return .nameTaken
        }
    }

    /// Makes sure that the tag did not appear between the listings that led to the plan and the reservation.
    ///
    /// Another build may have held the name, been cancelled, pushed with its last breath and let go of it meanwhile,
    /// and no listing shows that.
    private func checked(_ found: JobBuild) async throws -> Creation {
        let build = found.promised
        guard case .digest(let digest) = try await served(build.image) else { return .created(build) }
        // Asked after the registry: a build that has not begun by now has not pushed what the registry served before.
        // One that has begun may have, which takes a lost answer or a very fast cluster.
        if try await pod(of: found)?.hasBegunBuild == true { return .created(build) }
        logger.notice(
            "the tag of a new build is served already, so the build is taken back",
            metadata: ["build": "\(build.id)", "digest": "\(digest)"])
        _ = try await cancel(build.id)
        return .nameTaken
    }

    /// The build of a Job that was just made.
    private func readBack(_ job: Job, _ plan: BuildPlan) throws -> JobBuild {
        guard case .build(let found) = JobBuild.kind(of: job, naming: naming) else {
            // An admission webhook may change what is created.
            throw BuildsError(
                .builderUnavailable,
                "the Job \(plan.id) was created, but it came back without the labels or the image of a build; check the cluster's "
                    + "admission webhooks, and delete the Job")
        }
        return found
    }
}

extension Pod {
    /// Whether a container has started that may push.
    fileprivate var hasBegunBuild: Bool {
        status.containerStatuses.contains { $0.state?.running != nil || $0.state?.terminated != nil }
    }
}

extension KubernetesError {
    /// Whether a create that failed like this may have created, or may still do so.
    fileprivate var mayHaveCreated: Bool {
        switch code {
        case .timeout, .unreachable, .unavailable, .serverFailure, .malformedAnswer, .other: true
        default: false
        }
    }
}
