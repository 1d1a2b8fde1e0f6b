internal import FoundationEssentials
internal import KubernetesClient
internal import Logging
internal import OCIDistribution

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
        let manifest = try template.render(
            plan, namespace: client.namespace, reservation: reservation, options: options)
        var attempt = 1
        while true {
            do {
                let created = try await client.createJob(manifest)
                for warning in created.warnings {
                    logger.warning(
                        "the cluster warns of a job", metadata: ["build": "\(plan.id)", "warning": "\(warning)"])
                }
                return try await released(try await readBack(created.job, plan))
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
            return try await released(try await readBack(job, plan))
        } catch let error as KubernetesError where error.code == .notFound {
            // Taken a moment ago and free now: whoever asked starts over with a new list.
            return .nameTaken
        }
    }

    /// Lets a Job run that was created suspended, unless its tag or another build of its key has appeared meanwhile.
    ///
    /// Between the listings that led to the plan and the create another build may have held the name, been cancelled,
    /// pushed with its last breath and let go of it, and no listing shows that. Nothing can push under the name while
    /// it is held by a suspended Job, so what the registry says now stays true. A process that dies in between leaves
    /// the Job suspended; the leader goes on, see ``KubernetesJobBuilder/resumeAbandoned(_:)``.
    /// - Parameter givesUp: Whether the Job is taken back when it is not known whether it may run. Its maker does that, and
    ///   tells whoever asked; the leader tries again.
    func released(_ found: JobBuild, givesUp: Bool = true) async throws -> Creation {
        var build = found.promised
        build.isHeldBack = false
        do {
            if let obstacle = try await obstacle(to: found) {
                logger.notice(
                    "a new build is taken back", metadata: ["build": "\(build.id)", "reason": "\(obstacle)"])
                return try await takeBack(found) ? .nameTaken : .created(build)
            }
        } catch {
            // Nothing of it runs, and whoever asked is told so.
            if givesUp { _ = try? await takeBack(found) }
            throw error
        }
        do {
            try await resume(found)
            return .created(build)
        } catch let error as KubernetesError where error.code == .notFound || error.code == .invalid {
            // Somebody has cancelled it already, which is what any reader will be told.
            if build.callbackURL != nil {
                BuildMetrics.callback(.abandoned)
                logger.warning(
                    "callback abandoned",
                    metadata: [
                        "build": "\(build.id)", "host": "\(build.callbackHost ?? "-")", "attempts": "0",
                        "reason": "the build was cancelled before it began",
                    ])
            }
            return .created(build)
        } catch let error as KubernetesError where error.mayHaveCreated {
            // It may run by now; if not, the leader sees to it.
            throw error
        } catch {
            if givesUp { _ = try? await takeBack(found) }
            throw error
        }
    }

    /// Why a build must not run; `nil` if it may.
    private func obstacle(to found: JobBuild) async throws -> String? {
        if let twin = try await twin(of: found) { return "\(twin.id) has its idempotency key" }
        return try await asked(found.promised.image).map { "the registry serves its tag already, as \($0)" }
    }

    /// Another build with the same idempotency key that runs, has run or may yet run.
    ///
    /// Two replicas that are asked with one key may come to different versions, and so to different names: one build may
    /// have run to its end between the other replica's listings of builds and of tags, or a build of somebody else may
    /// have let go of its version. Each makes its own Job before it looks here, so of any two at least one is seen, and
    /// whoever sees another gives up the own one, of which nothing has run. If both do so, both start over.
    private func twin(of found: JobBuild) async throws -> JobBuild? {
        guard let key = found.promised.idempotencyKey else { return nil }
        let selector = try LabelSelector([
            JobKeys.Label.name: JobKeys.name, JobKeys.Label.component: JobKeys.component,
            JobKeys.Label.keyHash: JobKeys.hash(ofKey: key),
        ])
        let jobs = try await clock.within(Self.longestQuestion) { try await client.jobs(matching: selector).items }
        guard let jobs else {
            throw BuildsError(
                .builderUnavailable,
                "the cluster did not say within \(Self.longestQuestion.components.seconds) s whether the Idempotency-Key of "
                    + "\(found.id) has another build; nothing was started, so ask again")
        }
        for job in jobs where job.metadata.uid != found.uid {
            guard case .build(let other) = JobBuild.kind(of: job, naming: naming), !other.isTakenBack,
                other.promised.idempotencyKey == key
            else { continue }
            return other
        }
        return nil
    }

    /// What the registry serves under the tag of a new build.
    ///
    /// An error where it cannot say: nobody is told of a build that may never run.
    private func asked(_ image: ImageReference) async throws -> Digest? {
        guard let tag = image.tag else { return nil }
        guard let answer = try await answer(about: tag, of: image) else {
            throw BuildsError(
                .builderUnavailable,
                "the registry did not say within \(Self.longestQuestion.components.seconds) s whether it serves \(image) already; "
                    + "nothing was started, so ask again")
        }
        return answer.digest
    }

    /// Lets a suspended Job run, and no other that has taken its name since.
    func resume(_ found: JobBuild) async throws {
        var attempt = 1
        while true {
            do {
                _ = try await client.patchJob(
                    named: found.job.metadata.name,
                    .operations(
                        [
                            .test(path: "/metadata/uid", value: .string(found.uid ?? "")),
                            .replace(path: "/spec/suspend", value: false),
                            .add(
                                path: "/metadata/annotations/"
                                    + JobKeys.Annotation.resumedAt.replacing("/", with: "~1"),
                                value: .string(MicroTime(now()).description)),
                        ] + holding(found)))
                return
            } catch let error as KubernetesError
                where (error.mayHaveCreated || error.code == .conflict) && attempt < Self.longestSeries
            {
                // It is the same however often it is done. A conflict means that the Job's status changed too fast.
                try await clock.sleep(for: .milliseconds(Int.random(in: 50...200) * attempt))
                attempt += 1
            }
        }
    }

    /// What makes the Job of a build with a callback stay until that is over.
    ///
    /// Part of the patch that lets the Job run, so that one that is taken back goes at once.
    private func holding(_ found: JobBuild) -> [ObjectPatch.Operation] {
        guard found.promised.callbackURL != nil, !found.isHeldByCallback else { return [] }
        let finalizer = JSONValue.string(JobKeys.callbackFinalizer)
        // Those of others stay. Where there are none there is no list to add to.
        return found.job.metadata.finalizers.isEmpty
            ? [.add(path: "/metadata/finalizers", value: .array([finalizer]))]
            : [.add(path: "/metadata/finalizers/-", value: finalizer)]
    }

    /// Deletes a Job of which nothing has run, and leaves one alone that somebody else has let run meanwhile.
    /// - Returns: Whether it is gone.
    private func takeBack(_ found: JobBuild) async throws -> Bool {
        var job = found.job
        do {
            // Its status changes once in these moments, so that one repetition is common.
            for _ in 1...5 {
                guard job.metadata.uid == found.uid else { return true }
                guard job.spec.suspend == true else { return false }
                do {
                    _ = try await client.deleteJob(
                        named: job.metadata.name, propagation: .foreground, uid: found.uid,
                        resourceVersion: job.metadata.resourceVersion)
                    return true
                } catch let error as KubernetesError where error.code == .conflict {
                    job = try await client.job(named: job.metadata.name)
                }
            }
        } catch let error as KubernetesError where error.code == .notFound {
            return true
        }
        throw BuildsError(
            .builderUnavailable,
            "the Job \(job.metadata.name) was to be deleted before it runs, but it changes too often; it will be looked at again"
        )
    }

    /// The build of a Job that was just made.
    ///
    /// An admission webhook may change what is created; a Job that is no build any more would stay suspended for ever.
    private func readBack(_ job: Job, _ plan: BuildPlan) async throws -> JobBuild {
        if case .build(let found) = JobBuild.kind(of: job, naming: naming) { return found }
        _ = try? await client.deleteJob(named: job.metadata.name, propagation: .foreground, uid: job.metadata.uid)
        throw BuildsError(
            .builderUnavailable,
            "the Job \(plan.id) was created, but it came back without the labels or the image of a build, so it was deleted; check "
                + "the cluster's admission webhooks")
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
