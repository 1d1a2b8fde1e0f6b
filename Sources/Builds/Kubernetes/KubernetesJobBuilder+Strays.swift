internal import FoundationEssentials
internal import KubernetesClient
internal import Logging

extension KubernetesJobBuilder {
    /// Lets go of Jobs that a callback holds and that are no builds of ours any more: their images belong elsewhere
    /// since the prefix of repositories was changed, or somebody edited them.
    ///
    /// Nobody else would ever take the finalizer away.
    func releaseStrays() async {
        let listener = board.listen(to: nil)
        while !Task.isCancelled {
            for job in board.strays where job.outcome != nil || job.metadata.isBeingDeleted { await release(job) }
            try? await clock.sleep(for: Self.shortestRound)
            try? await listener.signal.wait(upTo: Self.longestRound, on: clock)
        }
    }

    /// One patch of the version that is known; a Job that has changed meanwhile is looked at again.
    private func release(_ job: Job) async {
        let name = job.metadata.name
        var callback =
            job.metadata.annotations[JobKeys.Annotation.callback].flatMap(Callback.init(annotation:))
            ?? Callback()
        let wasOver = callback.status.isFinal
        if !wasOver {
            callback.status = .abandoned
            callback.nextAttemptAt = nil
            callback.lastAnswer =
                "the Job names no image of this service any more; see REPOSITORY_PREFIX and its annotations"
        }
        do {
            _ = try await client.patchJob(named: name, callback.patch(of: job))
            guard !wasOver else { return }
            BuildMetrics.callback(.abandoned)
            logger.warning(
                "callback abandoned",
                metadata: [
                    "build": "\(name)", "attempts": "\(callback.attempts)", "reason": "\(callback.lastAnswer ?? "")",
                ])
        } catch let error as KubernetesError where error.code == .conflict || error.code == .notFound {
            // What the watch tells next decides.
        } catch {
            guard !Task.isCancelled else { return }
            logger.debug(
                "a job that is no build any more is still held", metadata: ["build": "\(name)", "error": "\(error)"])
        }
    }
}
